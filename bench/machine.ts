// What machine this is, in a few words.

import os from "node:os";

/** Processor and cores. */
export function machine(): string {
  const processors = os.cpus();
  return `${processors[0]?.model.trim() ?? "unknown processor"}, ${processors.length} cores`;
}
