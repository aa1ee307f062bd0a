// A hub on loopback that stalls, cuts off, lies about lengths and sends wrong bytes, as a test tells it.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a download goes wrong, once for each entry of {@linkcode Hub.faults}. */
export type Fault =
  | { readonly kind: "cut"; readonly after: number }
  | { readonly kind: "stall"; readonly after: number }
  | { readonly kind: "announce"; readonly length: number }
  | { readonly kind: "short" }
  | { readonly kind: "wrong" }
  | { readonly kind: "whole" }
  | { readonly kind: "status"; readonly status: number };

/** A running server. */
export interface Hub extends AsyncDisposable {
  /** Its address. */
  readonly endpoint: string;
  /** What happens to the next downloads, in order; afterwards all goes well. */
  readonly faults: Fault[];
  /** Every request: path, and the range asked for. */
  readonly requests: {
    path: string;
    range: string | undefined;
    authorization: string | undefined;
  }[];
}

/** The commit of every repository here. */
export const commit = "0123456789abcdef0123456789abcdef01234567";

/** Git's hash of a file, and the SHA-256 that large files are listed with. */
export function hashes(bytes: Uint8Array): { git: string; sha256: string } {
  return {
    git: createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex"),
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** Serves one repository's files as the hub does. */
export async function startHub(
  repository: string,
  files: Readonly<Record<string, Uint8Array>>,
  { token }: { readonly token?: string } = {},
): Promise<Hub> {
  const faults: Fault[] = [];
  const requests: Hub["requests"] = [];
  const json = (response: ServerResponse, value: unknown, status = 200) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url!, "http://hub");
    const { range, authorization } = request.headers;
    requests.push({ path: pathname, range, authorization });
    if (token && authorization !== `Bearer ${token}`) {
      return json(response, { error: "Invalid credentials" }, 401);
    }
    if (pathname.startsWith(`/api/models/${repository}/revision/`)) {
      return json(response, { _id: "1", id: repository, sha: commit, private: false });
    }
    if (pathname.startsWith(`/api/models/${repository}/tree/`)) {
      return json(
        response,
        Object.entries(files).map(([path, bytes]) => {
          const { git, sha256 } = hashes(bytes);
          const large = path.endsWith(".safetensors");
          const lfs = { oid: sha256, size: bytes.length, pointerSize: 130 };
          return { type: "file", path, size: bytes.length, oid: git, ...(large ? { lfs } : {}) };
        }),
      );
    }
    const name = pathname.replace(`/${repository}/resolve/${commit}/`, "");
    if (!Object.hasOwn(files, name)) return json(response, { error: "not found" }, 404);
    send(response, files[name], range, faults.shift());
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(
  response: ServerResponse,
  bytes: Uint8Array,
  range: string | undefined,
  fault: Fault | undefined,
): void {
  if (fault?.kind === "status") {
    response.writeHead(fault.status);
    response.end();
    return;
  }
  const start = fault?.kind === "whole" ? 0 : Number(range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
  let body = bytes.slice(start);
  let length = body.length;
  let total = bytes.length;
  if (fault?.kind === "wrong") body[body.length >> 1] ^= 1;
  if (fault?.kind === "announce") {
    length = fault.length;
    total = start + length;
  }
  if (fault?.kind === "short") body = body.subarray(0, body.length - 1);
  const partial = start > 0;
  response.writeHead(partial ? 206 : 200, {
    "content-length": length,
    ...(partial ? { "content-range": `bytes ${start}-${total - 1}/${total}` } : {}),
  });
  if (fault?.kind === "cut" || fault?.kind === "stall" || fault?.kind === "short") {
    const after = fault.kind === "short" ? body.length : fault.after;
    response.write(body.subarray(0, after), () => {
      // Given time to arrive before the connection goes.
      if (fault.kind !== "stall") setTimeout(() => response.destroy(), 50);
    });
    return;
  }
  response.end(body);
}
