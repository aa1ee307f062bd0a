// The gradient signal-to-noise ratio of a model that guesses a text's next character: `... TEXT_FILE PAGE.html`.
import * as corit from "@corit/corit";
import { plotGsnr, textTable } from "@corit/corit/evaluation";

const [source = import.meta.filename!, page = "gsnr.html"] = Deno.args;
const text = await Deno.readTextFile(source), alphabet = [...new Set(text)];
const random = new corit.RandomStream(0);
const codes = Array.from(text, (character) => alphabet.indexOf(character));
/** Places in the text: eight characters, and the one that follows. */
function draw(count: number) {
  const places = Array.from({ length: count }, () => random.integer(codes.length - 8));
  const before = Int32Array.from(places.flatMap((at) => codes.slice(at, at + 8)));
  const next = Int32Array.from(places, (at) => codes[at + 8]);
  return { before: corit.tensor(before), next: corit.tensor(next) };
}
class NextCharacter extends corit.Module {
  letters = new corit.Parameter(corit.randomNormal([alphabet.length, 8], { random }));
  hidden = new corit.Linear(64, 64, { random });
  output = new corit.Linear(64, alphabet.length, { random });
  losses({ before, next }: ReturnType<typeof draw>) {
    const letters = corit.embedding(this.letters.value, before).reshape([-1, 64]);
    const guess = this.output.forward(this.hidden.forward(letters, "tanh"));
    return corit.crossEntropy(guess, next, { reduction: "none" });
  }
}
const model = new NextCharacter(), names = [...model.namedParameters().keys()];
const groups = names.map((name, index) => ({ name, members: [index] }));
const loss = (m: NextCharacter, batch: ReturnType<typeof draw>) => m.losses(batch).mean();
const step = corit.trainStep(model, corit.adamW({ learningRate: 3e-3 }), loss);
const { parameters } = step.arena;
const lossesOf = () => ({ losses: model.losses(draw(16)) }), rows = [], cells = [];
for (let at = 20; at <= 80; at += 20) {
  for (let count = 0; count < 20; count++) await step(draw(32));
  const found = corit.measureGsnrInBatches({ groups, parameters, batches: 20, lossesOf });
  rows.push({ step: at, gsnr: Object.fromEntries(found.map((each) => [each.name, each.gsnr])) });
  cells.push(...found.map((each) => [at, each.name, each.gsnr, ...each.interval].map(String)));
}
const table = textTable(["step", "parameter", "GSNR", "low", "high"], cells);
await Deno.writeTextFile(page, `<!doctype html>${plotGsnr(rows)}<pre>${table}</pre>`);
