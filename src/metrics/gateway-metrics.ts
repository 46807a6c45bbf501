import { Counter, Histogram, type Registry } from "prom-client";

import { gauge, named } from "./registry.ts";

/** What a gateway knows of its clients when somebody asks. */
export interface GatewayFigures {
  readonly clients: number;
  readonly loading: number;
  readonly bufferedBytes: number;
  readonly unackedBytes: number;
}

const READING_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What a gateway counts of itself. */
export class GatewayMetrics {
  readonly #frames: Counter;
  readonly #bytes: Counter;
  readonly #readings: Histogram;

  constructor(registry: Registry, figures: () => GatewayFigures) {
    gauge(registry, "ampsync_gateway_clients", "Clients that are connected", () => figures().clients);
    gauge(
      registry,
      "ampsync_gateway_clients_loading",
      "Of them, those that load at least one shape",
      () => figures().loading,
    );
    gauge(
      registry,
      "ampsync_gateway_buffered_bytes",
      "Bytes for clients that have not left this process",
      () => figures().bufferedBytes,
    );
    gauge(
      registry,
      "ampsync_gateway_unacknowledged_bytes",
      "Bytes of frames that clients have not acknowledged",
      () => figures().unackedBytes,
    );
    this.#frames = new Counter({
      ...named(registry, "ampsync_gateway_frames_total"),
      help: "Frames that were sent",
    });
    this.#bytes = new Counter({
      ...named(registry, "ampsync_gateway_frame_bytes_total"),
      help: "Bytes of these frames",
    });
    this.#readings = new Histogram({
      ...named(registry, "ampsync_gateway_reading_seconds"),
      help: "Of each reading of the log, for however many clients",
      buckets: READING_S,
    });
  }

  sent(bytes: number): void {
    this.#frames.inc();
    this.#bytes.inc(bytes);
  }

  read(seconds: number): void {
    this.#readings.observe(seconds);
  }
}
