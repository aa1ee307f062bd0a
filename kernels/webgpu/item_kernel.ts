// Shaders with one invocation for each item: the frame that most of them share.

import {
  type BoundBuffer,
  type BufferDeclaration,
  gridOf,
  type WebGpuLauncher,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
} from "./kernel.ts";

/** Invocations of a workgroup. */
const WORKGROUP = 64;

/** What differs from shader to shader. */
export interface ItemKernelParts {
  /** Names the kernel and everything its source depends on. */
  readonly key: string;
  /** Its storage buffers. */
  readonly buffers: readonly BufferDeclaration[];
  /** Its uniform fields; `count`, the number of items, stands before them. */
  readonly fields: readonly string[];
  /** Declarations in front of the entry point. */
  readonly prelude?: () => string;
  /** Statements for the item `index`. */
  readonly body: () => string;
}

/** A kernel that runs its body for each item. */
export function itemKernel({ key, buffers, fields, prelude, body }: ItemKernelParts): WgslKernel {
  return {
    key,
    uniforms: 1 + fields.length,
    source: () =>
      `\
${wgslBindings(buffers, ["count: u32", ...fields])}
${prelude?.() ?? ""}
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
  let index = ${wgslInvocationIndex(WORKGROUP)};
  if (index >= parameters.count) { return; }
${body()}}
`,
  };
}

/** Launches such a kernel for `count` items. */
export function launchItems(
  executor: WebGpuLauncher,
  kernel: WgslKernel,
  buffers: readonly BoundBuffer[],
  count: number,
  words: readonly number[],
): void {
  executor.launch(kernel, buffers, [count, ...words], gridOf(Math.ceil(count / WORKGROUP)));
}
