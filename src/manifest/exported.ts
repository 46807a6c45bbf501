import type { BlockStatement, CallExpression, Expression, Statement } from "oxc-parser";

import { type Literal, literalOf, Unreadable } from "./literal.ts";

/**
 * What a module exports, as far as it is written down: `export default {…}`, `module.exports = {…}`, either of them
 * inside `defineDataset(…)` or `defineDataset(() => ({…}))`. Nothing is executed: what stands beside it, other than
 * imports and types, is refused.
 */
export function exportedLiteral(body: readonly Statement[]): Literal {
  const found: Expression[] = [];
  for (const statement of body) {
    const exported = exportOf(statement);
    if (exported !== null) {
      found.push(exported);
    } else if (!isHarmless(statement)) {
      throw new Unreadable("only imports, types and one export can be read", statement);
    }
  }
  const [exported, second] = found;
  if (exported === undefined || second !== undefined) {
    throw new Unreadable(
      `${exported === undefined ? "nothing" : "more than one thing"} is exported`,
      second ?? null,
    );
  }
  return literalOf(withoutCall(exported));
}

function exportOf(statement: Statement): Expression | null {
  if (statement.type === "ExportDefaultDeclaration") {
    return statement.declaration as Expression; // literalOf refuses functions and classes.
  }
  if (statement.type === "ExpressionStatement" && statement.expression.type === "AssignmentExpression") {
    const { left, right, operator } = statement.expression;
    const isExport =
      left.type === "MemberExpression" &&
      !left.computed &&
      left.object.type === "Identifier" &&
      left.object.name === "module" &&
      left.property.name === "exports";
    return isExport && operator === "=" ? right : null;
  }
  return null;
}

/** Whether it only brings names and types, which nothing here can use. */
function isHarmless(statement: Statement): boolean {
  switch (statement.type) {
    case "ImportDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSInterfaceDeclaration":
    case "EmptyStatement":
      return true;
    case "ExpressionStatement":
      return statement.expression.type === "Literal"; // "use strict"
    case "VariableDeclaration":
      return statement.declarations.every(
        ({ init }) =>
          init?.type === "CallExpression" &&
          init.callee.type === "Identifier" &&
          init.callee.name === "require",
      );
    default:
      return false;
  }
}

/** The dataset inside `defineDataset(…)`, and inside its function; anything else as it is. */
function withoutCall(exported: Expression): Expression {
  if (exported.type === "TSAsExpression" || exported.type === "TSSatisfiesExpression") {
    return withoutCall(exported.expression);
  }
  if (exported.type !== "CallExpression") {
    return exported;
  }
  const argument = onlyArgument(exported);
  if (argument.type !== "ArrowFunctionExpression" && argument.type !== "FunctionExpression") {
    return argument;
  }
  return argument.body?.type === "BlockStatement"
    ? returnedBy(argument.body, argument)
    : (argument.body ?? argument);
}

function onlyArgument(call: CallExpression): Expression {
  const [argument, second] = call.arguments;
  const isOurs = call.callee.type === "Identifier" && call.callee.name === "defineDataset";
  if (!isOurs || argument === undefined || second !== undefined || argument.type === "SpreadElement") {
    throw new Unreadable("only defineDataset can be called, with one dataset", call);
  }
  return argument;
}

function returnedBy({ body }: Pick<BlockStatement, "body">, at: Expression): Expression {
  const [statement, second] = body;
  if (statement?.type !== "ReturnStatement" || second !== undefined || statement.argument === null) {
    throw new Unreadable("the function must return the dataset, and do nothing else", statement ?? at);
  }
  return statement.argument;
}
