import type { ChangeRow } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import type { FilterFailed } from "../db/snapshot-reads.ts";
import type { Log } from "../log.ts";
import type { DefinitionsCache } from "./definitions.ts";

/** Tells the database of shapes whose filter fails on a row; it ends them, for all who have them. */
export class ShapeFailures {
  readonly #calls: GatewayCalls;
  readonly #definitions: DefinitionsCache;
  readonly #log: Log;

  constructor(calls: GatewayCalls, definitions: DefinitionsCache, log: Log) {
    this.#calls = calls;
    this.#definitions = definitions;
    this.#log = log;
  }

  /** Rows at which a reading of changes ended. */
  async note(rows: readonly ChangeRow[]): Promise<void> {
    for (const { shape_id, key, data } of rows) {
      const form = this.#definitions.form(shape_id);
      if (form === null) continue;
      this.#log.warn("shape_failed", { shape: form.name });
      // A shape that somebody holds fails with a later reading; until then nothing of it is sent.
      await this.#calls.failShape(form, key, data ?? "").catch(() => {});
    }
  }

  /** The same of a shape that could not be read at all. False: not now. */
  async noted({ form, key, sqlState }: FilterFailed): Promise<boolean> {
    this.#log.warn("shape_failed", { shape: form.name });
    return await this.#calls.failShape(form, key, sqlState).then(
      () => true,
      () => false,
    );
  }
}
