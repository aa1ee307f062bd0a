// A run's metrics as a TensorBoard event file, beside metrics.jsonl: records of TensorFlow's format, each with its checksums.
//
// https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto and core/lib/io/record_writer.cc

import { join } from "node:path";
import protobuf from "protobufjs";
import type { RunSummary } from "../evaluation/report_data.ts";
import { fileError } from "./files.ts";
import type { TrainingRow } from "./metrics_log.ts";

const schema = `
  syntax = "proto3";
  message Event {
    double wall_time = 1;
    int64 step = 2;
    oneof what { string file_version = 3; Summary summary = 5; }
  }
  message Summary {
    message Value { string tag = 1; oneof value { float simple_value = 2; } }
    repeated Value value = 1;
  }
`;

const eventType = protobuf.parse(schema).root.lookupType("Event");

/** The table of CRC-32C (Castagnoli), bits reflected. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C, turned and shifted as TensorFlow stores it, so that a checksum of checksums is none of zeros. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A record: its length and the length's checksum, its bytes and their checksum. */
function recordOf(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(16 + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/** Bytes of the records whose steps are at most `step`; a record torn by a kill ends them. */
function lengthUpTo(bytes: Uint8Array, step: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + 16 <= bytes.length) {
    const end = at + 16 + Number(view.getBigUint64(at, true));
    if (end > bytes.length) break;
    const event = eventType.decode(bytes.subarray(at + 12, end - 4)) as unknown as {
      step?: { toString(): string };
    };
    if (Number(String(event.step ?? 0)) > step) break;
    at = end;
  }
  return at;
}

/** The curves of a row of metrics, by tag. */
function scalarsOf(row: TrainingRow): [tag: string, value: number][] {
  return [
    ["train/loss", row.loss],
    ["train/classification_loss", row.classificationLoss],
    ["train/mask_loss", row.maskLoss],
    ["train/gradient_norm", row.gradientNorm],
    ["train/learning_rate", row.learningRate],
    ["train/images_per_second", row.imagesPerSecond],
    ...(row.auc === undefined ? [] : [["validation/auc", row.auc] as [string, number]]),
    ...Object.entries(row.gsnr ?? {}).map(([name, value]): [string, number] => [
      `gsnr/${name}`,
      value,
    ]),
  ];
}

/** The final scores, by tag. */
function testScalarsOf({ inDomain, crossDomain, families }: RunSummary): [string, number][] {
  const over = { in_domain: inDomain, ...(crossDomain ? { cross_domain: crossDomain } : {}) };
  return Object.entries({ ...over, ...families }).flatMap(([name, scores]) => [
    [`test_auc/${name}`, scores.auc],
    [`test_average_precision/${name}`, scores.averagePrecision],
    [`test_equal_error_rate/${name}`, scores.equalErrorRate],
  ]);
}

/** An open event file. `tensorboard --logdir runs` finds it. */
export class TensorBoardLog implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the event file of a run that stands at a step: what was logged after it is cut off.
   *
   * @throws {FileError} where the file cannot be read or written.
   */
  static async open(folder: string, step: number): Promise<TensorBoardLog> {
    const path = join(folder, "events.out.tfevents.0.corit");
    try {
      const before = step === 0 ? undefined : await Deno.readFile(path).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      });
      const file = await Deno.open(path, { create: true, write: true, truncate: false });
      const length = before ? lengthUpTo(before, step) : 0;
      await file.truncate(length);
      await file.seek(0, Deno.SeekMode.End);
      const log = new TensorBoardLog(path, file);
      // What every event file begins with; TensorBoard refuses one without it.
      if (length === 0) log.#append({ fileVersion: "brain.Event:2" });
      return log;
    } catch (error) {
      throw fileError("write", path, error);
    }
  }

  /** Adds a row of metrics. Throws FileError where the disk is full. */
  append(row: TrainingRow): void {
    this.#scalars(row.step, scalarsOf(row));
  }

  /** Adds the final scores. Throws FileError where the disk is full. */
  appendSummary(summary: RunSummary): void {
    this.#scalars(summary.steps, testScalarsOf(summary));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #scalars(step: number, scalars: readonly (readonly [tag: string, value: number])[]): void {
    const value = scalars.map(([tag, simpleValue]) => ({ tag, simpleValue }));
    this.#append({ step, summary: { value } });
  }

  #append(event: Record<string, unknown>): void {
    const bytes = eventType.encode({ wallTime: Date.now() / 1000, ...event }).finish();
    const record = recordOf(bytes);
    try {
      for (let done = 0; done < record.length;) done += this.#file.writeSync(record.subarray(done));
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }
}
