/** The element with this id; the page has all that its code asks for. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T;
}

/** Sets a text, and touches nothing where it is the same. */
export function show(id: string, text: string): void {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

interface Made {
  readonly class?: string;
  readonly title?: string;
}

export function make(
  tag: keyof HTMLElementTagNameMap,
  { class: name, title }: Made,
  ...children: (Node | string)[]
): HTMLElement {
  const element = document.createElement(tag);
  if (name !== undefined && name !== "") element.className = name;
  if (title !== undefined) element.title = title;
  element.append(...children);
  return element;
}

/** Tells those who do not see the page. */
export function say(text: string): void {
  show("said", text);
}

/**
 * Rows of a parent, each by its key: those that stay are not moved, so that what is animated, selected or focused in them
 * stays as it is.
 */
export class Rows<T> {
  readonly #parent: HTMLElement;
  readonly #keyOf: (item: T) => string;
  readonly #make: (item: T, isFirst: boolean) => HTMLElement;
  #made = new Map<string, HTMLElement>();
  #isFilled = false;

  /** `isFirst`: it was there when the page came, so nothing about it is new. */
  constructor(id: string, keyOf: (item: T) => string, make: (item: T, isFirst: boolean) => HTMLElement) {
    this.#parent = byId(id);
    this.#keyOf = keyOf;
    this.#make = make;
  }

  set(items: readonly T[]): void {
    const kept = new Map(
      items.map((item) => {
        const key = this.#keyOf(item);
        return [key, this.#made.get(key) ?? this.#make(item, !this.#isFilled)];
      }),
    );
    for (const [key, row] of this.#made) if (!kept.has(key)) row.remove();
    let next = this.#parent.firstElementChild;
    for (const row of kept.values()) {
      if (row === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row, next);
    }
    this.#made = kept;
    this.#isFilled ||= items.length > 0;
  }
}
