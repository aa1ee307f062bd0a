// Rows of losses and similarities.

import * as operations from "../../../tensor/operations/mod.ts";
import type { Reduction } from "../../../tensor/operations/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import type { Picker } from "../picker.ts";
import { floats, indices, type Input, type Row, row } from "../row.ts";

interface Loss {
  readonly reduction?: Reduction;
}

/** A class of each row, or probabilities; and weights of the classes. */
function splitTargets(inputs: readonly Tensor[]): { target: Tensor; classWeights?: Tensor } {
  return { target: inputs[1], classWeights: inputs[2] };
}

function reduction(pick: Picker): Reduction {
  return pick.oneOf("mean", "sum", "none");
}

/** Every loss. */
export const lossRows: readonly Row[] = [
  row<Loss & { labelSmoothing?: number }>({
    name: "crossEntropy",
    call: (inputs, options) => {
      const { target, classWeights } = splitTargets(inputs);
      return operations.crossEntropy(inputs[0], target, { ...options, classWeights });
    },
    draw: (pick) => {
      const [batch, classes] = [pick.positive(65), pick.positive(65)];
      const inputs: Input[] = [floats([batch, classes], -4, 4)];
      inputs.push(pick.flag() ? indices([batch], classes) : floats([batch, classes], 0, 1));
      if (pick.flag()) inputs.push(floats([classes], 0.3, 2));
      return {
        inputs,
        options: { reduction: reduction(pick), labelSmoothing: pick.oneOf(0, 0.1) },
      };
    },
    tolerance: 1e-5,
    terms: 1,
  }),
  row<Loss>({
    name: "binaryCrossEntropyWithLogits",
    call: ([logits, target], options) =>
      operations.binaryCrossEntropyWithLogits(logits, target, options),
    draw: (pick) => {
      const shape = pick.shape(0, 3, true);
      return {
        inputs: [floats(shape, -9, 9), floats(shape, 0, 1)],
        options: { reduction: reduction(pick) },
      };
    },
    tolerance: 1e-5,
  }),
  row<Loss>({
    name: "mseLoss",
    call: ([prediction, target], options) => operations.mseLoss(prediction, target, options),
    draw: (pick) => {
      const shape = pick.shape(0, 3, true);
      return { inputs: [floats(shape), floats(shape)], options: { reduction: reduction(pick) } };
    },
    tolerance: 1e-5,
  }),
  row<Loss & { beta?: number }>({
    name: "smoothL1Loss",
    call: ([prediction, target], options) => operations.smoothL1Loss(prediction, target, options),
    draw: (pick) => {
      const shape = pick.shape(0, 3, true);
      // Multiples of 0.75 against numbers near 0.1: their distance is never 0, 0.5 or 1, where the slope bends.
      return {
        inputs: [floats(shape, -2, 2, { step: 0.75 }), floats(shape, 0.08, 0.12)],
        options: { reduction: reduction(pick), beta: pick.oneOf(1, 0.5) },
      };
    },
    tolerance: 1e-5,
  }),
  row<Loss & { logTarget?: boolean; batchMean?: boolean }>({
    name: "klDivergence",
    call: ([prediction, target], options) => operations.klDivergence(prediction, target, options),
    draw: (pick) => {
      const shape = pick.shape(1, 3, true);
      const logTarget = pick.flag();
      return {
        inputs: [
          floats(shape, -3, -0.1),
          logTarget ? floats(shape, -3, -0.1) : floats(shape, 0.05, 1),
        ],
        options: { reduction: reduction(pick), logTarget, batchMean: pick.flag() },
      };
    },
    tolerance: 1e-5,
  }),
  row<{ axis?: number; epsilon?: number }>({
    name: "cosineSimilarity",
    call: ([a, b], { axis, epsilon }) => operations.cosineSimilarity(a, b, axis, epsilon),
    draw: (pick) => {
      const shape = pick.shape(1, 3, true);
      const more = { avoid: [0] };
      return {
        inputs: [floats(shape, -2, 2, more), floats(shape, -2, 2, more)],
        options: { axis: pick.axis(shape), epsilon: 1e-8 },
      };
    },
    tolerance: 1e-5,
    terms: 1,
  }),
];
