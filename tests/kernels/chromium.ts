// Chromium without a window, to which shaders are given: it compiles them as strictly as any browser (Dawn, with Tint).

import type { RecordedShader } from "./recording_gpu.ts";

/** What Chromium said of the shaders. */
export interface CompilationReport {
  /** Its adapter. */
  readonly adapter: string;
  /** The errors of each shader that has some. */
  readonly errors: readonly { readonly label: string; readonly messages: readonly string[] }[];
  /** Shaders that were compiled. */
  readonly compiled: number;
}

/** Where Chromium may be; CORIT_CHROMIUM names another place. */
const places = [
  Deno.env.get("CORIT_CHROMIUM"),
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The browser's program; undefined where there is none. */
export function chromiumPath(): string | undefined {
  return places.find((place) => {
    try {
      return place !== undefined && Deno.statSync(place).isFile;
    } catch {
      return false;
    }
  });
}

/** Its software adapter is used everywhere, and no service of its maker is called. */
const options = [
  "--headless",
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
];

/** What the page does: compiles every shader and sends back what was said. */
async function compileAll(): Promise<void> {
  const report = { adapter: "", compiled: 0, errors: [] as object[] };
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) throw new Error("there is no adapter");
    report.adapter = `${adapter.info.vendor} ${adapter.info.architecture}`;
    const wanted: GPUFeatureName[] = ["shader-f16", "subgroups" as GPUFeatureName];
    const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature));
    const device = await adapter.requestDevice({ requiredFeatures });
    const shaders: RecordedShader[] = await (await fetch("/shaders")).json();
    for (const { label, code } of shaders) {
      device.pushErrorScope("validation");
      const { messages } = await device.createShaderModule({ label, code }).getCompilationInfo();
      await device.popErrorScope();
      const found = messages
        .filter(({ type }) => type === "error")
        .map(({ message, lineNum }) => `line ${lineNum}: ${message}`);
      if (found.length > 0) report.errors.push({ label, messages: found });
      report.compiled++;
    }
  } catch (cause) {
    report.errors.push({ label: "the page itself", messages: [String(cause)] });
  }
  await fetch("/report", { method: "POST", body: JSON.stringify(report) });
}

/** Compiles shaders in a Chromium that is started for it. Throws where it does not answer within a minute. */
export async function compileInChromium(
  program: string,
  shaders: readonly RecordedShader[],
): Promise<CompilationReport> {
  const answer = Promise.withResolvers<CompilationReport>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    switch (new URL(request.url).pathname) {
      case "/shaders":
        return Response.json(shaders);
      case "/report":
        answer.resolve(await request.json());
        return new Response();
      default:
        return new Response(`<script type="module">(${compileAll})()</script>`, {
          headers: { "content-type": "text/html" },
        });
    }
  });
  const profile = await Deno.makeTempDir();
  const browser = new Deno.Command(program, {
    args: [...options, `--user-data-dir=${profile}`, `http://127.0.0.1:${server.addr.port}/`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(
    () => answer.reject(new Error(`${program} did not answer within a minute`)),
    60_000,
  );
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    browser.kill();
    await browser.status;
    await server.shutdown();
    await removeWhenLet(profile);
  }
}

/** Removes the browser's profile, which its last processes may still be writing to. */
async function removeWhenLet(path: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
