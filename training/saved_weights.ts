// What of a detector a run stores: everything, or on a pretrained encoder what is not in the encoder's own file.

import type { CoritDetector } from "../corit/detector.ts";
import { FormatError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, scoped, type Tensor } from "../tensor/mod.ts";

/** The header's text that says which encoder's weights belong to the stored ones. */
const fingerprintKey = "backbone";

/** Names of the tensors that are in the encoder's own file and do not learn. */
function storedElsewhere(detector: CoritDetector): Set<string> {
  const names = [...detector.namedParameters()].filter(([name, { trained }]) =>
    detector.pretrained && name.startsWith("backbone.") && !trained
  );
  return new Set(names.map(([name]) => name));
}

/** A detector's weights as a safetensors file. */
export function encodeDetector(
  detector: CoritDetector,
  fingerprint: string,
): Uint8Array<ArrayBuffer> {
  const elsewhere = storedElsewhere(detector);
  const tensors: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(detector.stateDict())) {
    if (!elsewhere.has(name)) tensors[name] = tensor;
  }
  return encodeSafetensors(tensors, fingerprint === "" ? {} : { [fingerprintKey]: fingerprint });
}

/**
 * Loads what {@linkcode encodeDetector} wrote.
 *
 * @throws {StateError} It is another detector's.
 * @throws {FormatError} It belongs to other weights of the encoder.
 */
export function decodeDetector(
  bytes: Uint8Array,
  detector: CoritDetector,
  fingerprint: string,
): void {
  scoped(() => {
    const { tensors, metadata } = decodeSafetensors(bytes);
    const wanted = metadata[fingerprintKey] ?? "";
    if (wanted !== fingerprint) {
      throw new FormatError(
        "the stored weights belong to other weights of the pretrained encoder than those loaded",
      );
    }
    const own = detector.stateDict();
    for (const name of storedElsewhere(detector)) tensors[name] = own[name];
    detector.loadStateDict(tensors);
  });
}

/** Which encoder's weights belong to stored ones; empty where none does. */
export function fingerprintIn(bytes: Uint8Array): string {
  return scoped(() => decodeSafetensors(bytes).metadata[fingerprintKey] ?? "");
}
