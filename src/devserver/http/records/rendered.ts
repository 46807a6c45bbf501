import type { Item } from "./item.ts";

/** Bytes of pages that are kept: a server that is measured must not spend its time on making them again. */
const KEPT_BYTES = 256 * 1024 * 1024;

interface KeptPage {
  readonly items: readonly Item[];
  readonly text: Buffer;
}

/** Makes the texts of records, and keeps those of pages that were asked for. */
export class Rendered {
  readonly #render: (item: Item, variant?: string) => string;
  /** By the variant, and the first record. */
  readonly #pages = new Map<string, Map<Item, KeptPage>>();
  #bytes = 0;

  constructor(render: (item: Item, variant?: string) => string) {
    this.#render = render;
  }

  textOf(item: Item): string {
    return this.#render(item);
  }

  /** The texts of these records, with commas between them. */
  pageOf(items: readonly Item[], variant?: string): Buffer {
    const [first] = items;
    if (first === undefined) return Buffer.alloc(0);
    const pages = this.#pages.get(variant ?? "") ?? new Map<Item, KeptPage>();
    this.#pages.set(variant ?? "", pages);
    const kept = pages.get(first);
    if (kept?.items.length === items.length && kept.items.every((item, index) => item === items[index])) {
      return kept.text;
    }
    const text = Buffer.from(items.map((item) => this.#render(item, variant)).join(","));
    if (this.#bytes < KEPT_BYTES) {
      pages.set(first, { items, text });
      this.#bytes += text.length - (kept?.text.length ?? 0);
    }
    return text;
  }
}
