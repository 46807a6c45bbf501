import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "vitest";

/** A folder of PEM files, removed after the tests of the file. */
export class PemFiles {
  readonly folder = mkdtempSync(join(tmpdir(), "ampsync-tls-"));

  constructor() {
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Writes a file, or replaces it as those who rotate certificates do: by a rename. Returns its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  }
}
