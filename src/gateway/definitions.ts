import type pg from "pg";

import type { ShapeForm } from "../db/gateway-answers.ts";
import { inSnapshot } from "../db/snapshot-reads.ts";
import type { TableForm } from "../wire/from-gateway.ts";

/** The shapes of the database as this gateway knows them, and which state of them it knows. */
export class DefinitionsCache {
  readonly #pool: pg.Pool;
  #version = "";
  #shapes = new Map<number, ShapeForm>();
  #rates: ReadonlyMap<string, number> = new Map();
  #loading: Promise<ReadonlySet<string>> | null = null;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  get version(): string {
    return this.#version;
  }

  form(shape: number | null): ShapeForm | null {
    return shape === null ? null : (this.#shapes.get(shape) ?? null);
  }

  /** Bytes a second that the sessions of a tenant may be sent; null: any number. */
  rateOf(tenant: string): number | null {
    return this.#rates.get(tenant) ?? null;
  }

  /** Reads them anew, once for all who ask meanwhile. Resolves to the names of the shapes that are not as they were. */
  load(): Promise<ReadonlySet<string>> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #load(): Promise<ReadonlySet<string>> {
    const { definitions, shapes, rates } = await inSnapshot(this.#pool, (reads) => reads.definitions());
    const before = new Map([...this.#shapes.values()].map((form) => [form.name, stateOf(form)]));
    const changed = new Set(before.keys());
    for (const form of shapes) {
      if (before.get(form.name) === stateOf(form)) changed.delete(form.name);
      else changed.add(form.name);
    }
    this.#version = definitions;
    this.#rates = new Map(Object.entries(rates).map(([tenant, rate]) => [tenant, Number(rate)]));
    this.#shapes = new Map(shapes.map((form) => [form.shape_id, form]));
    return changed;
  }
}

/** What of a shape matters to those who have it. */
function stateOf(form: ShapeForm): string {
  const { shape_id, definition, table_definition, state, published_state, floor } = form;
  return JSON.stringify([shape_id, definition, table_definition, state, published_state, floor]);
}

/** The table that a client makes for a shape. */
export function tableOf(form: ShapeForm): TableForm {
  return {
    name: form.table,
    ddl: form.ddl,
    definition: form.table_definition,
    columns: form.columns,
    key: form.key,
    writable: [],
    dataset: form.dataset,
    block_column: form.block_column,
  };
}
