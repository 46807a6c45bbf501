import type { TestProject } from "vitest/node";

import { startTemplate, type Template, type TemplateServer } from "./postgres/template.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: Template;
  }
}

/** Each project of a run loads this module again; they have nothing else in common. */
declare global {
  var ampsyncTests: { readonly shared: Promise<TemplateServer>; users: number } | undefined;
}

/** Start one server for all test files of all projects, and migrate once into the template that each file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.ampsyncTests ??= { shared: startTemplate(), users: 0 };
  const own = globalThis.ampsyncTests;
  own.users++;
  const { adminUrl, template, stop } = await own.shared;
  project.provide("postgres", { adminUrl, template });
  return async () => {
    own.users--;
    if (own.users === 0) {
      globalThis.ampsyncTests = undefined;
      await stop();
    }
  };
}
