import { expect, test } from "vitest";

import { SharedAnswers } from "../../../src/gateway/shared-answers.ts";

test("each question is asked once for all who asked it before it was, and again for who comes later", async () => {
  const answers = new SharedAnswers<string>();
  const asked: string[] = [];
  const ask = (question: string) =>
    answers.ask(question, async () => {
      return `${question} ${asked.push(question)}`;
    });
  const first = [ask("a"), ask("b"), ask("a")];
  expect(await Promise.all(first)).toEqual(["a 1", "b 2", "a 1"]);
  expect(await ask("a")).toBe("a 3");
});

test("a failure is that of all who asked, and of nobody after them", async () => {
  const answers = new SharedAnswers<string>();
  const fail = () => answers.ask("a", () => Promise.reject(new Error("no")));
  const failed = await Promise.allSettled([fail(), fail()]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await answers.ask("a", async () => "yes")).toBe("yes");
});
