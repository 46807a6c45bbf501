import { byId, make, Rows } from "./dom.ts";
import type { Live } from "./live.ts";

interface Todo {
  readonly id: string;
  readonly title: string;
  readonly done: boolean;
}

export async function showTodos(live: Live): Promise<void> {
  const rows = new Rows<Todo>("todo-rows", ({ id, title, done }) => `${id} ${done} ${title}`, todoRow);
  await live<Todo>("select id::text, title, done from todos order by id", (todos) => rows.set(todos));
}

function todoRow({ id, title, done }: Todo, isFirst: boolean): HTMLElement {
  const box = make("span", { class: done ? "box done" : "box" });
  box.setAttribute("aria-hidden", "true");
  return make(
    "li",
    { class: isFirst ? "" : "new" },
    box,
    make("span", { class: "title" }, title),
    make("span", { class: "hidden" }, done ? ", done" : ", open"),
    make("span", { class: "id" }, id),
  );
}

/** Statements, each with a button that copies it. */
export function showStatements(
  id: string,
  statements: readonly (readonly [name: string, text: string])[],
): void {
  byId(id).replaceChildren(
    ...statements.map(([name, text]) => {
      const button = make("button", { class: "copy" }, "Copy");
      button.setAttribute("type", "button");
      button.setAttribute("aria-label", `Copy: ${name}`);
      button.addEventListener("click", () => {
        navigator.clipboard.writeText(text).then(
          () => flash(button, "Copied"),
          () => flash(button, "Not allowed"),
        );
      });
      return make("div", { class: "statement" }, make("pre", {}, text), button);
    }),
  );
}

function flash(button: HTMLElement, text: string): void {
  button.textContent = text;
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1_500);
}
