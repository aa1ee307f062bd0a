// TensorBoard's event files: read back by a reader of their own, and by TensorBoard where Python has it.

import { assert, assertEquals } from "@std/assert";
import protobuf from "protobufjs";
import type { RunSummary } from "../../evaluation/report_data.ts";
import type { TrainingRow } from "../../training/metrics_log.ts";
import { TensorBoardLog } from "../../training/tensorboard.ts";
import { inFolder } from "../end_to_end/command.ts";
import { rowOf } from "./rows.ts";

const file = "events.out.tfevents.0.corit";

function row(step: number): TrainingRow {
  return { ...rowOf(step), ...(step % 2 === 0 ? { auc: 0.75, gsnr: { head: 0.125 } } : {}) };
}

/** CRC-32C bit by bit: the polynomial's definition (RFC 3720, appendix B.4). */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The inverse of TensorFlow's mask. */
function unmasked(stored: number): number {
  const turned = (stored - 0xa282ead8) >>> 0;
  return ((turned >>> 17) | (turned << 15)) >>> 0;
}

/** An event as it is read back. */
interface Found {
  step: number;
  version?: string;
  scalars: Record<string, number>;
}

/** Reads one event's fields by their numbers in event.proto and summary.proto. */
function eventOf(bytes: Uint8Array): Found {
  const found: Found = { step: 0, scalars: {} };
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (key === (1 << 3 | 1)) assert(reader.double() > 1.6e9, "wall time in seconds");
    else if (key === (2 << 3 | 0)) found.step = Number(String(reader.int64()));
    else if (key === (3 << 3 | 2)) found.version = reader.string();
    else if (key === (5 << 3 | 2)) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) {
        assertEquals(reader.uint32(), 1 << 3 | 2);
        const valueEnd = reader.uint32() + reader.pos;
        let tag = "";
        while (reader.pos < valueEnd) {
          if (reader.uint32() === (1 << 3 | 2)) tag = reader.string();
          else found.scalars[tag] = reader.float();
        }
      }
    } else throw new Error(`event.proto has no field ${key >> 3} that is used here`);
  }
  return found;
}

/** Reads a file of records, checking every checksum. */
function read(bytes: Uint8Array): Found[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const events: Found[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    assertEquals(unmasked(view.getUint32(at + 8, true)), crc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assertEquals(unmasked(view.getUint32(at + 12 + length, true)), crc32c(data));
    events.push(eventOf(data));
    at += 16 + length;
  }
  return events;
}

Deno.test("the reader's checksum is that of the standard", () => {
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

Deno.test("rows and final scores are read back from the event file", () =>
  inFolder(async (folder) => {
    const scores = { auc: 0.75, averagePrecision: 0.5, equalErrorRate: 0.25 };
    {
      using log = await TensorBoardLog.open(folder, 0);
      for (let step = 1; step <= 3; step++) log.append(row(step));
      log.appendSummary(
        {
          steps: 3,
          inDomain: scores,
          crossDomain: null,
          families: { swap: scores },
        } as unknown as RunSummary,
      );
    }
    const [first, ...events] = read(await Deno.readFile(`${folder}/${file}`));
    assertEquals(first, { step: 0, version: "brain.Event:2", scalars: {} });
    assertEquals(events.map(({ step }) => step), [1, 2, 3, 3]);
    assertEquals(events[0].scalars, {
      "train/loss": 1,
      "train/classification_loss": 0.5,
      "train/mask_loss": 0.25,
      "train/gradient_norm": 2,
      "train/learning_rate": Math.fround(1e-3),
      "train/images_per_second": 64,
    });
    assertEquals(events[1].scalars["validation/auc"], 0.75);
    assertEquals(events[1].scalars["gsnr/head"], 0.125);
    assertEquals(events[3].scalars["test_auc/in_domain"], 0.75);
    assertEquals(events[3].scalars["test_equal_error_rate/swap"], 0.25);
  }));

Deno.test("opened at a step, what was logged after it is cut off, and a torn record too", () =>
  inFolder(async (folder) => {
    {
      using log = await TensorBoardLog.open(folder, 0);
      for (let step = 1; step <= 7; step++) log.append(row(step));
    }
    {
      using log = await TensorBoardLog.open(folder, 4);
      log.append({ ...row(5), loss: 42 });
    }
    const whole = await Deno.readFile(`${folder}/${file}`);
    const events = read(whole);
    assertEquals(events.map(({ step }) => step), [0, 1, 2, 3, 4, 5]);
    assertEquals(events[5].scalars["train/loss"], 42);
    await Deno.writeFile(`${folder}/${file}`, whole.subarray(0, whole.length - 9));
    (await TensorBoardLog.open(folder, 5))[Symbol.dispose]();
    assertEquals(read(await Deno.readFile(`${folder}/${file}`)).length, 5);
  }));

const script = `
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
for tag in sorted(events.Tags()["scalars"]):
    for event in events.Scalars(tag):
        print(tag, event.step, repr(event.value))
`;

/** The Python that has TensorBoard: CORIT_TENSORBOARD_PYTHON, or python3. */
const python = Deno.env.get("CORIT_TENSORBOARD_PYTHON") ?? "python3";
const available = await new Deno.Command(python, { args: ["-c", "import tensorboard"] }).output()
  .then(({ success }) => success, () => false);
if (!available) {
  console.warn(
    `SKIPPED: ${python} has no tensorboard, so it does not read the event file back; ` +
      "pip install tensorboard, or name another Python in CORIT_TENSORBOARD_PYTHON",
  );
}

Deno.test({
  name: "TensorBoard reads the event file back",
  ignore: !available,
  fn: () =>
    inFolder(async (folder) => {
      {
        using log = await TensorBoardLog.open(folder, 0);
        for (let step = 1; step <= 2; step++) log.append(row(step));
      }
      const { code, stdout, stderr } = await new Deno.Command(python, {
        args: ["-c", script, folder],
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), [
        "gsnr/head 2 0.125",
        "train/classification_loss 1 0.5",
        "train/classification_loss 2 0.5",
        "train/gradient_norm 1 2.0",
        "train/gradient_norm 2 2.0",
        "train/images_per_second 1 64.0",
        "train/images_per_second 2 64.0",
        "train/learning_rate 1 0.0010000000474974513",
        "train/learning_rate 2 0.0010000000474974513",
        "train/loss 1 1.0",
        "train/loss 2 0.5",
        "train/mask_loss 1 0.25",
        "train/mask_loss 2 0.25",
        "validation/auc 2 0.75",
      ]);
    }),
});
