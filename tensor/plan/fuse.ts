// Calls that become one: elementwise chains, what follows a matrix product or comes before a reduction, and copies of
// what could have been made in its place at once.
//
// A fused call has the bits of the calls that it replaces: expressions are composed with a seam that nothing is
// contracted across.

import { compose } from "../../kernels/expression/lowering.ts";
import { type Expression, input, substitute } from "../../kernels/expression/expression.ts";
import { bytesPerElement, type DType, type KernelParameters } from "../../kernels/kernel.ts";
import { sizeOf, stridesOf } from "../shape.ts";
import type { Storage } from "../storage.ts";
import { isCall, type PlannedCall, type PlanStep, readsOf, type Slot, writesOf } from "./calls.ts";

/** Operands that a fused call may have: WebGPU grants eight buffers to a shader, one of which holds its numbers. */
const MAXIMUM_OPERANDS = 7;

/** The steps of a plan while they are being fused. */
class Fusing {
  readonly #steps: (PlanStep | undefined)[];
  readonly #writers = new Map<Storage, Set<number>>();
  readonly #readers = new Map<Storage, Set<number>>();

  constructor(
    steps: readonly PlanStep[],
    readonly temporaries: ReadonlySet<Storage>,
    /** Memory whose content is wanted at the end. */
    readonly wanted: ReadonlySet<Storage>,
    /** The type that is computed with; values of others are rounded when they are stored. */
    readonly float: DType,
  ) {
    this.#steps = [...steps];
    steps.forEach((step, at) => this.#index(step, at, true));
  }

  /** Positions of steps, gaps included. */
  get length(): number {
    return this.#steps.length;
  }

  /** What is left, in order. */
  get steps(): PlanStep[] {
    return this.#steps.filter((step) => step !== undefined);
  }

  at(position: number): PlanStep | undefined {
    return this.#steps[position];
  }

  /** Puts one call in the place of two: in the position `kept`, leaving `gone` empty. */
  join(gone: number, kept: number, call: PlannedCall): void {
    for (const position of [gone, kept]) this.#index(this.#steps[position]!, position, false);
    this.#steps[gone] = undefined;
    this.#steps[kept] = call;
    this.#index(call, kept, true);
  }

  /** The call that alone writes a temporary of the computing type, where it comes before a position. */
  makerOf(
    { storage, byteOffset, dtype }: Slot,
    before: number,
  ): { at: number; maker: PlannedCall } | undefined {
    const [at, another] = this.#writers.get(storage) ?? [];
    const whole = this.temporaries.has(storage) && byteOffset === 0 && dtype === this.float;
    if (!whole || at === undefined || another !== undefined || at >= before) return undefined;
    const maker = this.#steps[at];
    return maker?.kind === "call" ? { at, maker } : undefined;
  }

  /** Whether a step is the only one that reads a storage, and nobody wants it at the end. */
  onlyReader({ storage }: Slot, position: number): boolean {
    const readers = this.#readers.get(storage);
    return readers?.size === 1 && readers.has(position) && !this.wanted.has(storage);
  }

  /** Whether a storage is written from one position up to before another. */
  isWritten(storage: Storage, from: number, to: number): boolean {
    return within(this.#writers.get(storage), from, to).length > 0;
  }

  /** The steps that touch a storage from one position up to before another. */
  touching(storage: Storage, from: number, to: number): number[] {
    return [this.#writers, this.#readers].flatMap((map) => within(map.get(storage), from, to));
  }

  #index(step: PlanStep, at: number, present: boolean): void {
    const enter = (map: Map<Storage, Set<number>>, storage: Storage): void => {
      let positions = map.get(storage);
      if (!positions) map.set(storage, positions = new Set());
      if (present) positions.add(at);
      else positions.delete(at);
    };
    for (const { storage } of readsOf(step)) enter(this.#readers, storage);
    for (const { storage } of writesOf(step)) enter(this.#writers, storage);
  }
}

function within(positions: ReadonlySet<number> | undefined, from: number, to: number): number[] {
  return [...positions ?? []].filter((position) => from <= position && position < to);
}

/**
 * Fuses calls where it gives the same bits.
 *
 * @param temporaries Memory that the steps make.
 * @param wanted Memory whose content is wanted at the end.
 * @param float The executor's own type.
 */
export function fuse(
  steps: readonly PlanStep[],
  temporaries: ReadonlySet<Storage>,
  wanted: ReadonlySet<Storage>,
  float: DType,
): PlanStep[] {
  const fusing = new Fusing(steps, temporaries, wanted, float);
  for (const rule of [joinPointwise, joinReduction, joinProduct, joinResidual, makeInPlace]) {
    for (let position = 0; position < fusing.length; position++) {
      // What was joined may join again.
      while (rule(fusing, position));
    }
  }
  return fusing.steps;
}

/** Whether an input is read element by element, as it lies. */
function asItLies(parameters: KernelParameters["pointwise"], index: number): boolean {
  const { shape, inputStrides } = parameters;
  return stridesOf(shape).every((stride, axis) =>
    shape[axis] === 1 || inputStrides[index][axis] === stride
  );
}

/** The indices of a call's inputs that are in one storage, and those of its others. */
function splitInputs(
  { inputs }: PlannedCall,
  { storage }: Slot,
): { same: Set<number>; others: number[] } {
  const indices = [...inputs.keys()];
  return {
    same: new Set(indices.filter((index) => inputs[index].storage === storage)),
    others: indices.filter((index) => inputs[index].storage !== storage),
  };
}

function fused(...calls: readonly PlannedCall[]): PlannedCall["operation"] {
  return { entries: [...new Set(calls.flatMap(({ operation }) => operation.entries))] };
}

/** Finds an elementwise call whose only result a later call alone reads: its inputs are still the same there. */
function sourceOf(
  fusing: Fusing,
  reader: PlannedCall,
  position: number,
  index: number,
): { at: number; source: PlannedCall<"pointwise"> } | undefined {
  const slot = reader.inputs[index];
  const made = fusing.makerOf(slot, position);
  if (!made || !fusing.onlyReader(slot, position)) return undefined;
  const { at, maker: source } = made;
  if (!isCall(source, "pointwise") || source.outputs.length > 1) return undefined;
  const operands = reader.inputs.length + source.inputs.length + reader.outputs.length - 1;
  const steady = source.inputs.every(({ storage }) =>
    !fusing.isWritten(storage, at, position) &&
    reader.outputs.every((output) => output.storage !== storage)
  );
  return steady && operands <= MAXIMUM_OPERANDS ? { at, source } : undefined;
}

/** What a call becomes that takes in the source of one of its inputs: the source's inputs come first, then its others. */
function seamOf(call: PlannedCall, slot: Slot, source: PlannedCall<"pointwise">) {
  const { same, others } = splitInputs(call, slot);
  const shift = source.inputs.length;
  const renamed = call.inputs.map((_, each) => input(shift + Math.max(0, others.indexOf(each))));
  return {
    same,
    others,
    inputs: [...source.inputs, ...others.map((each) => call.inputs[each])],
    compose: (outer: Expression) => compose(outer, source.parameters.expressions[0], renamed, same),
  };
}

/** An elementwise call into the elementwise call that reads its result. */
function joinPointwise(fusing: Fusing, position: number): boolean {
  const call = fusing.at(position);
  if (!call || !isCall(call, "pointwise")) return false;
  const { shape, expressions, inputStrides } = call.parameters;
  return call.inputs.some((slot, index) => {
    const found = sourceOf(fusing, call, position, index);
    if (!found) return false;
    const { at, source } = found;
    const seam = seamOf(call, slot, source);
    if (![...seam.same].every((each) => asItLies(call.parameters, each))) return false;
    const strides = restride(source.parameters, shape);
    if (!strides) return false;
    const composed = expressions.map(seam.compose);
    if (!composed.every((each) => each !== undefined)) return false;
    fusing.join(at, position, {
      ...call,
      parameters: {
        shape,
        expressions: composed,
        inputStrides: [...strides, ...seam.others.map((each) => inputStrides[each])],
      },
      inputs: seam.inputs,
      operation: fused(source, call),
    });
    return true;
  });
}

/** The strides of a call's inputs over another shape of as many elements. */
function restride(
  parameters: KernelParameters["pointwise"],
  shape: readonly number[],
): readonly (readonly number[])[] | undefined {
  const { shape: own, inputStrides } = parameters;
  if (own.length === shape.length && own.every((length, axis) => length === shape[axis])) {
    return inputStrides;
  }
  if (sizeOf(own) !== sizeOf(shape)) return undefined;
  return inputStrides.every((_, index) => asItLies(parameters, index))
    ? inputStrides.map(() => stridesOf(shape))
    : undefined;
}

/** An elementwise call into the reduction that reads its result. */
function joinReduction(fusing: Fusing, position: number): boolean {
  const call = fusing.at(position);
  if (!call || !isCall(call, "reduce")) return false;
  const { outer, length, inner: behind, map = input(0) } = call.parameters;
  return call.inputs.some((slot, index) => {
    const found = sourceOf(fusing, call, position, index);
    if (!found) return false;
    const { at, source } = found;
    const { shape, inputStrides } = source.parameters;
    if (sizeOf(shape) !== outer * length * behind) return false;
    if (!inputStrides.every((_, each) => asItLies(source.parameters, each))) return false;
    const seam = seamOf(call, slot, source);
    const composed = seam.compose(map);
    if (!composed) return false;
    fusing.join(at, position, {
      ...call,
      parameters: { ...call.parameters, map: composed },
      inputs: seam.inputs,
      operation: fused(source, call),
    });
    return true;
  });
}

/** An elementwise call into the matrix product whose result it reads; the sum itself is kept where others read it. */
function joinProduct(fusing: Fusing, position: number): boolean {
  const call = fusing.at(position);
  if (!call || !isCall(call, "pointwise")) return false;
  const { shape, expressions } = call.parameters;
  if (call.outputs.some(({ dtype }) => dtype !== fusing.float)) return false;
  if (!call.inputs.every((_, index) => asItLies(call.parameters, index))) return false;
  return call.inputs.some((slot) => {
    const made = fusing.makerOf(slot, position);
    if (!made) return false;
    const { at, maker: product } = made;
    if (!isCall(product, "matmul") || product.parameters.epilogue) return false;
    const { batch, rows, columns } = product.parameters;
    if (sizeOf(batch) * rows * columns !== sizeOf(shape)) return false;
    const { others } = splitInputs(call, slot);
    const more = others.map((each) => call.inputs[each]);
    const early = more.every(({ storage, dtype }) =>
      dtype === fusing.float && !fusing.isWritten(storage, at, position)
    );
    const before = [...product.inputs, ...call.inputs];
    const free = call.outputs.every(({ storage }) =>
      fusing.touching(storage, at, position).length === 0 &&
      before.every((each) => each.storage !== storage)
    );
    const kept = fusing.onlyReader(slot, position) ? [] : [product.outputs[0]];
    const outputs = [...kept, ...call.outputs];
    const operands = product.inputs.length + more.length + outputs.length;
    if (!early || !free || operands > MAXIMUM_OPERANDS) return false;
    const renamed = call.inputs.map((_, each) => 1 + others.indexOf(each)); // 0 where it is the product
    const epilogue = [
      ...kept.map(() => input(0)),
      ...expressions.map((each) => substitute(each, renamed.map(input))),
    ];
    fusing.join(position, at, {
      ...product,
      parameters: { ...product.parameters, epilogue },
      inputs: [...product.inputs, ...more],
      outputs,
      operation: fused(product, call),
    });
    return true;
  });
}

/** A sum with the gradient of a layer norm's input into that gradient's kernel. */
function joinResidual(fusing: Fusing, position: number): boolean {
  const call = fusing.at(position);
  if (!call || !isCall(call, "pointwise") || call.inputs.length !== 2) return false;
  const { expressions: [sum, ...others] } = call.parameters;
  const isSum = others.length === 0 &&
    (sum === input(0).add(input(1)) || sum === input(1).add(input(0)));
  if (!isSum || !call.inputs.every((_, index) => asItLies(call.parameters, index))) return false;
  return call.inputs.some((slot, index) => {
    const made = fusing.makerOf(slot, position);
    if (!made || !fusing.onlyReader(slot, position)) return false;
    const { at, maker } = made;
    const residual = call.inputs[1 - index], [result] = call.outputs;
    if (!isCall(maker, "layerNormBackward") || maker.parameters.residual) return false;
    const steady = maker.outputs[0].storage === slot.storage && residual.dtype === fusing.float &&
      !fusing.isWritten(residual.storage, at, position) &&
      fusing.touching(result.storage, at, position).length === 0 &&
      [...maker.inputs, residual].every(({ storage }) => storage !== result.storage);
    if (!steady) return false;
    fusing.join(position, at, {
      ...maker,
      parameters: { ...maker.parameters, residual: true },
      inputs: [...maker.inputs, residual],
      outputs: [result, ...maker.outputs.slice(1)],
      operation: fused(maker, call),
    });
    return true;
  });
}

/** Whether a step may touch bytes of a storage. */
function overlaps(step: PlanStep, storage: Storage, begin: number, end: number): boolean {
  if (step.kind !== "call") return true;
  return [...step.inputs, ...step.outputs].some((slot) => {
    if (slot.storage !== storage) return false;
    const size = bytesPerElement[slot.dtype];
    const line = isCall(step, "copy") && slot === step.outputs[0] && lineOf(step.parameters);
    const [first, count] = line ? [step.parameters.destinationOffset, line] : [0, slot.elements];
    const start = slot.byteOffset + first * size;
    return start < end && begin < start + count * size;
  });
}

/** The elements of a copy that takes them from the source's start on, one after the other, to a line of others. */
function lineOf(parameters: KernelParameters["copy"]): number | undefined {
  const { shape, sourceOffset, sourceStrides, destinationStrides } = parameters;
  const whole = shape.length === 1 && sourceOffset === 0 && sourceStrides[0] === 1 &&
    destinationStrides[0] === 1;
  return whole ? shape[0] : undefined;
}

/** A copy of what one call makes for nobody else: it is made in that place at once. */
function makeInPlace(fusing: Fusing, position: number): boolean {
  const call = fusing.at(position);
  if (!call || !isCall(call, "copy")) return false;
  const count = lineOf(call.parameters);
  const [source] = call.inputs, [destination] = call.outputs;
  const found = fusing.makerOf(source, position);
  if (!found || !fusing.onlyReader(source, position)) return false;
  const { at, maker } = found;
  // Copies may write a part of their destination, and fills make what others then write into.
  if (maker.name === "copy" || maker.name === "fill") return false;
  const size = bytesPerElement[source.dtype];
  const made = maker.outputs.find((each) => each.storage === source.storage)!;
  if (count !== made.elements) return false;
  const byteOffset = destination.byteOffset + call.parameters.destinationOffset * size;
  const { storage } = destination;
  if (maker.inputs.some((each) => each.storage === storage)) return false;
  const touched = fusing.touching(storage, at, position)
    .some((each) => overlaps(fusing.at(each)!, storage, byteOffset, byteOffset + count * size));
  if (touched) return false;
  const place = { storage, byteOffset, dtype: source.dtype, elements: count };
  fusing.join(position, at, {
    ...maker,
    outputs: maker.outputs.map((each) => each === made ? place : each),
    operation: fused(maker, call),
  });
  return false;
}
