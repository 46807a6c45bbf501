/** What `beforeAll` makes, as a constant of its file: whatever is asked of it goes to what is there by then. */
export function late<T extends object>(current: () => T): T {
  return new Proxy({} as T, {
    get(_, key) {
      const target = current();
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
