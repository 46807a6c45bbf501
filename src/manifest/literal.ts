import type { Expression, ObjectProperty } from "oxc-parser";

/** What an expression of constants stands for. */
export type Literal = string | number | boolean | null | readonly Literal[] | LiteralObject;
export type LiteralObject = ReadonlyMap<string, Literal>;

/** Why a part of a file is refused. */
export class Unreadable extends Error {
  /** Where in the text it begins; null where it is no part of it. */
  readonly at: number | null;

  constructor(why: string, part: { readonly start: number } | null) {
    super(why);
    this.at = part?.start ?? null;
  }
}

/** The value of an expression that needs no program to run: literals, objects and lists of them, and texts joined by +. */
export function literalOf(node: Expression): Literal {
  switch (node.type) {
    case "Literal":
      if (node.value === null ? node.raw === "null" : !["bigint", "object"].includes(typeof node.value)) {
        return node.value as string | number | boolean | null;
      }
      break;
    case "TemplateLiteral": {
      const text = node.quasis[0]?.value.cooked;
      if (node.expressions.length > 0) {
        throw new Unreadable("a template with expressions needs a program to run", node);
      }
      if (typeof text === "string") return text;
      break;
    }
    case "BinaryExpression": {
      if (node.operator !== "+") break;
      const left = literalOf(node.left as Expression);
      const right = literalOf(node.right);
      if (typeof left === "string" && typeof right === "string") return left + right;
      throw new Unreadable("only texts can be joined by +", node);
    }
    case "ObjectExpression":
      return objectOf(node.properties as readonly ObjectProperty[]);
    case "ArrayExpression":
      return node.elements.map((element) => {
        if (element === null || element.type === "SpreadElement") {
          throw new Unreadable("a list must have its values one by one", element ?? node);
        }
        return literalOf(element);
      });
    case "TSAsExpression":
    case "TSSatisfiesExpression":
      return literalOf(node.expression);
    default:
  }
  throw new Unreadable(`${described(node)} is not a constant`, node);
}

function objectOf(properties: readonly ObjectProperty[]): LiteralObject {
  const members = new Map<string, Literal>();
  for (const property of properties) {
    if (property.type !== "Property" || property.kind !== "init" || property.method) {
      throw new Unreadable("an object must have its members one by one, each with a value", property);
    }
    if (property.computed || property.shorthand) {
      throw new Unreadable("a member needs a name and a value as they are", property);
    }
    const { key } = property;
    const name = key.type === "Identifier" ? key.name : key.type === "Literal" ? key.value : null;
    if (typeof name !== "string") {
      throw new Unreadable("the name of a member must be a name or a text", key);
    }
    if (members.has(name)) {
      throw new Unreadable(`${name} is there twice`, key);
    }
    members.set(name, literalOf(property.value));
  }
  return members;
}

function described(node: Expression): string {
  switch (node.type) {
    case "Identifier":
      return node.name;
    case "CallExpression":
    case "NewExpression":
      return "a call";
    case "ArrowFunctionExpression":
    case "FunctionExpression":
      return "a function";
    default:
      return "this";
  }
}
