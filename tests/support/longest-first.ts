import { readFile } from "node:fs/promises";

import { BaseSequencer, type TestSpecification } from "vitest/node";

/** How a long test file says so, at its beginning: `// Takes 30 s.` */
const TAKES = /^\/\/ Takes (\d+) s\.$/m;

/** Begins with the files that take longest, so that none of them is left over at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = new Map(
      await Promise.all(files.map(async (file) => [file, await secondsOf(file)] as const)),
    );
    return [...files].sort(
      (a, b) =>
        groupOf(a) - groupOf(b) || seconds.get(b)! - seconds.get(a)! || (a.moduleId < b.moduleId ? -1 : 1),
    );
  }
}

function groupOf({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder;
}

async function secondsOf({ moduleId }: TestSpecification): Promise<number> {
  return Number(TAKES.exec(await readFile(moduleId, "utf8"))?.[1] ?? 0);
}
