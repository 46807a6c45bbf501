import { expect, test } from "vitest";

import { STYLES, type StyleName } from "../../../src/devserver/http/styles.ts";
import { definitionOf } from "../../support/http/definitions.ts";
import { enqueueHttp } from "../../support/postgres/http-source.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

// The keys of STYLES.
test.each(Object.keys(STYLES) as StyleName[])(
  "the worked definition of style %s is accepted",
  async (style) => {
    const source = definitionOf({ style, url: `https://api.example.com${STYLES[style].path}` });
    expect(await enqueueHttp(db, { dataset: style, source })).toMatchObject({
      table_name: style,
    });
  },
);
