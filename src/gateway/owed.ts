import type { Instances } from "./subscription.ts";

/**
 * What a client is to be told in time, and not at once: what has left the windows of its tables, and where datasets stand
 * whose new blocks have nothing for it. Of a thousand clients few have rows in a block. The last word counts.
 */
export class Owed {
  /** By table, and by dataset: an operation as JSON. */
  readonly #trims = new Map<string, string>();
  readonly #datasets = new Map<string, string>();

  get isNone(): boolean {
    return this.#trims.size + this.#datasets.size === 0;
  }

  trim(table: string, text: string): void {
    this.#trims.set(table, text);
  }

  dataset(name: string, text: string): void {
    this.#datasets.set(name, text);
  }

  /** Hands out what concerns these instances; nothing is owed any more. */
  take(instances: Instances): string[] {
    if (this.isNone) return [];
    const forms = [...instances.values()].map(({ form }) => form);
    const tables = new Set(forms.map(({ table }) => table));
    const datasets = new Set(forms.map(({ dataset }) => dataset));
    const texts = [
      ...[...this.#trims].filter(([table]) => tables.has(table)),
      ...[...this.#datasets].filter(([dataset]) => datasets.has(dataset)),
    ].map(([, text]) => text);
    this.#trims.clear();
    this.#datasets.clear();
    return texts;
  }
}
