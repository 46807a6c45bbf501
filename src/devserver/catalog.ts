import { createHash } from "node:crypto";
import { byVersionDescending } from "../model/version.ts";
import { schemaJson } from "./arrow/type-json.ts";
import type { Source } from "./source.ts";

export interface DatasetName {
  readonly namespace: string;
  readonly name: string;
}

export interface DatasetVersion {
  readonly version: string;
  /** The version as servers of October 2025 say it: `1.2.3-LTcyNjgzMjc1NA`. */
  readonly qualified: string;
  readonly source: Source;
  readonly manifest: unknown;
  /** SHA-256 of the manifest, 64 hexadecimal digits. */
  readonly manifestHash: string;
  readonly createdAt: Date;
}

/** The versions of the one dataset that the server offers. The dataset exists while it has a version. */
export class Catalog {
  readonly dataset: DatasetName;
  readonly #versions = new Map<string, DatasetVersion>();
  #dev: DatasetVersion | null = null;

  constructor(dataset: DatasetName) {
    this.dataset = { namespace: dataset.namespace, name: dataset.name };
  }

  /** Registers a version, or moves an existing tag to another source. */
  publish(version: string, source: Source): void {
    const manifest = rawManifest(source);
    const digest = createHash("sha256").update(JSON.stringify(manifest)).digest();
    const manifestHash = digest.toString("hex");
    const qualified = `${version}-${Buffer.from(String(digest.readInt32BE())).toString("base64url")}`;
    const published = { version, qualified, source, manifest, manifestHash, createdAt: new Date() };
    this.#versions.set(version, published);
    this.#dev = published;
  }

  unpublish(version: string): void {
    this.#versions.delete(version);
    if (this.#dev?.version === version) {
      this.#dev = this.latest();
    }
  }

  /** Highest first. */
  versions(): readonly DatasetVersion[] {
    return [...this.#versions.values()].sort((a, b) => byVersionDescending(a.version, b.version));
  }

  latest(): DatasetVersion | null {
    return this.versions()[0] ?? null;
  }

  dev(): DatasetVersion | null {
    return this.#dev;
  }

  /** `revision` is a version, qualified or not, the hash of a manifest, `latest` or `dev`. */
  resolve(dataset: DatasetName, revision: string): DatasetVersion | null {
    if (dataset.namespace !== this.dataset.namespace || dataset.name !== this.dataset.name) {
      return null;
    }
    if (revision === "latest") return this.latest();
    if (revision === "dev") return this.#dev;
    return (
      this.#versions.get(revision) ??
      this.versions().find(({ manifestHash, qualified }) => [manifestHash, qualified].includes(revision)) ??
      null
    );
  }
}

function rawManifest(source: Source): unknown {
  const tables = [...source.tables].map(([name, schema]) => [
    name,
    { schema: schemaJson(schema), network: source.network },
  ]);
  return {
    kind: "evm-rpc",
    network: source.network,
    // Block numbers of development chains are small enough for the integers of JSON.
    start_block: Number(source.chain.start),
    finalized_blocks_only: false,
    tables: Object.fromEntries(tables),
  };
}
