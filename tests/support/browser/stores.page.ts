// Writes into a store for ever, in a worker, which OPFS needs; what is stored is told to whoever started the browser.
interface Page {
  readonly location: { readonly search: string };
  readonly Worker: new (module: string, options: { readonly type: "module" }) => unknown;
}

const page = globalThis as unknown as Page;
new page.Worker(`stores-worker.js${page.location.search}`, { type: "module" });
