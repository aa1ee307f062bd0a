// The adapter and its device: what they can do, and what went wrong with them.

import { DeviceError } from "../../errors.ts";
import { type AdapterFacts, adapterName, classifyAdapter, requestAdapter } from "./adapter.ts";
import { probeSubgroups, type Subgroups } from "./subgroups.ts";

/** What a lost device means for its user. */
export const LOST =
  "its tensors are gone: start again, from the last checkpoint where there is one";

/**
 * A WebGPU device with all limits and the optional features that its adapter has.
 *
 * WebGPU reports errors later than the call that caused them. They are kept here, and the next call on the executor
 * throws them ({@linkcode WebGpuDevice.assertWorking}).
 */
export class WebGpuDevice {
  /** The name of the adapter, as its driver gives it. */
  readonly description: string;
  /** Whether it computes on the CPU. */
  readonly software: boolean;
  readonly #reports = new Set<Promise<void>>();
  #failure: string | undefined;
  #lost: string | undefined;

  private constructor(
    /** The device. */
    readonly device: GPUDevice,
    info: AdapterFacts,
    /** What is known of its subgroups; absent where shaders cannot use them. */
    readonly subgroups: Subgroups | undefined,
  ) {
    this.description = adapterName(info);
    this.software = classifyAdapter(info) === "software";
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#failure ??= (event as GPUUncapturedErrorEvent).error.message;
    });
    device.lost.then(({ reason, message }) => {
      this.#lost ??= `the device was lost (${reason}): ${message}`;
    });
  }

  /** Opens the fastest adapter; undefined where there is none. Throws DeviceError where it refuses a device. */
  static async open(): Promise<WebGpuDevice | undefined> {
    const adapter = await requestAdapter();
    if (!adapter) return undefined;
    const requiredLimits: Record<string, number> = {};
    for (const name in adapter.limits) {
      const limit = adapter.limits[name as keyof GPUSupportedLimits];
      if (typeof limit === "number") requiredLimits[name] = limit;
    }
    const wanted: GPUFeatureName[] = ["shader-f16", "timestamp-query"];
    const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature));
    // Not every implementation lists subgroups that it has.
    const subgroups = "subgroups" as GPUFeatureName;
    try {
      const device = await adapter.requestDevice({
        requiredLimits,
        requiredFeatures: [...requiredFeatures, subgroups],
      }).catch(() => adapter.requestDevice({ requiredLimits, requiredFeatures }));
      return new WebGpuDevice(device, adapter.info, await probeSubgroups(device));
    } catch (cause) {
      throw new DeviceError(
        `webgpu: the adapter "${adapter.info.description}" refused a device with its own limits: ${cause}`,
        { cause },
      );
    }
  }

  /** What it allows. */
  get limits(): GPUSupportedLimits {
    return this.device.limits;
  }

  /** Where commands go. */
  get queue(): GPUQueue {
    return this.device.queue;
  }

  /**
   * Throws what went wrong since the last call. A lost device throws for ever, other errors once.
   *
   * @param next Names what was to be done next: errors are noticed there, and come from there or from before.
   */
  assertWorking(next?: () => string): void {
    if (this.#lost === undefined && this.#failure === undefined) return;
    const noticed = next ? `; noticed before ${next()}` : "";
    if (this.#lost !== undefined) throw new DeviceError(`webgpu: ${this.#lost}${noticed}; ${LOST}`);
    const failure = this.#failure;
    this.#failure = undefined;
    throw new DeviceError(`webgpu: ${failure}${noticed}`);
  }

  /** Whether the device is gone for good. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Why the device is refusing work, as far as it is known by now. */
  get failure(): string | undefined {
    return this.#lost ?? this.#failure;
  }

  /** Makes something whose errors will be reported as errors of `what`. */
  watch<Made>(what: () => string, make: () => Made): Made {
    const { device } = this;
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    try {
      return make();
    } finally {
      this.#report(device.popErrorScope(), (message) => `${what()}: ${message}`);
      this.#report(
        device.popErrorScope(),
        (message) => `${what()}: the device is out of memory (${message})`,
      );
    }
  }

  #report(scope: Promise<GPUError | null>, say: (message: string) => string): void {
    const report = scope.then(
      (error) => {
        if (error) this.#failure ??= say(error.message);
      },
      // A scope of a lost device is refused; the loss itself is reported by `lost`.
      () => {},
    ).finally(() => this.#reports.delete(report));
    this.#reports.add(report);
  }

  /** Gives the device back. */
  close(): void {
    this.#lost = "the device was closed";
    this.device.destroy();
  }

  /** Resolves when all work is done and all its errors are known. */
  async settled(): Promise<void> {
    await this.queue.onSubmittedWorkDone();
    await Promise.all([...this.#reports]);
    // Uncaptured errors are events, which come a turn later than scopes.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
