import type { Style } from "./style.ts";
import { elastic } from "./styles/elastic.ts";
import { events } from "./styles/events.ts";
import { github } from "./styles/github.ts";
import { jsonapi } from "./styles/jsonapi.ts";
import { offset } from "./styles/offset.ts";
import { stripe } from "./styles/stripe.ts";

export const STYLES = { events, jsonapi, github, stripe, elastic, offset } as const satisfies Record<
  string,
  Style
>;

export type StyleName = keyof typeof STYLES;
