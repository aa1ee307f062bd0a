/**
 * Faces: found, aligned and cut out of pictures, on this project's own engine.
 *
 * @module
 */

export {
  cropFace,
  type CropFaceOptions,
  type FaceCrop,
  type FaceSquare,
  faceSquare,
} from "./crop.ts";
export { type Box, overlapOf, suppress } from "./boxes.ts";
export { FaceDetectorNetwork, type ScoredBox } from "./detector_network.ts";
export {
  type Face,
  FaceFinder,
  type FaceFinderOptions,
  facesOf,
  type FacesOfOptions,
  type FindOptions,
  loadFaceFinder,
} from "./finder.ts";
export { SeparableConvolution } from "./layers.ts";
export { DenseBlock, LandmarkNetwork, type Point } from "./landmark_network.ts";
export {
  faceModelPackage,
  groupPictures,
  installFaceModels,
  installGroupPictures,
} from "./package.ts";
