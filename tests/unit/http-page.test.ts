import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { STYLES, type StyleName } from "../../src/devserver/http/styles.ts";
import { definitionOf } from "../support/http/definitions.ts";

test.each(Object.keys(STYLES) as StyleName[])(
  "docs/http.md shows the definition by which style %s is read in tests",
  async (style) => {
    const page = await readFile(new URL("../../docs/http.md", import.meta.url), "utf8");
    const [, block] = page.match(new RegExp(`^\`\`\`json ${style}\\n(.*?)^\`\`\``, "ms")) ?? [];
    const { url: _, ...definition } = definitionOf({ style, url: "" });
    expect(JSON.parse(block ?? "null")).toEqual(definition);
  },
);
