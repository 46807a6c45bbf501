import { describe, expect, test } from "vitest";

import { linesOf, transactionsOf } from "../../../src/capture/call-arguments.ts";
import { Waiting } from "../../../src/capture/group.ts";
import { UNCHANGED, type Value } from "../../../src/capture/message-bytes.ts";
import type { Message, Relation } from "../../../src/capture/pgoutput.ts";
import { TransactionReader } from "../../../src/capture/transactions.ts";
import type { CapturedTable } from "../../../src/model/captured-table.ts";
import { lsnOf, lsnText } from "../../../src/model/lsn.ts";
import { capturedTable, changesOf, transactionsIn } from "../../support/capture/read-slot.ts";
import { decodeAll, RECORDED_VERSIONS, recorded } from "../../support/capture/recorded-changes.ts";

const LONG = "x".repeat(3000);
const FIRST = `first\n"quoted" \\ ünï€𝄞`;

describe.each(RECORDED_VERSIONS)("Changes that PostgreSQL %s sent become lines:", (version) => {
  const { bytes, tables } = recorded(version);
  const oid = (name: string) => tables[name]!;
  const captured = [
    capturedTable(oid("todos"), "id* title done feeling big more"),
    capturedTable(oid("keyed"), "a* b* note big", { identity: "key" }),
    capturedTable(oid("parted"), "id* v", { leaves: [oid("parted_low"), oid("parted_high")] }),
    capturedTable(oid("computed"), "id* a twice=", { identity: "key" }),
  ];
  const transactions = transactionsIn(decodeAll(bytes), captured);
  const nth = (n: number) => changesOf(transactions[n]!);

  test("an insert", () => {
    const data = { id: "1", title: FIRST, done: "t", feeling: "ok", big: LONG };
    expect(nth(0)).toEqual([
      { seq: 0, relation: oid("todos"), operation: "insert", key: '["1"]', data, old: null, metadata: null },
    ]);
  });

  test("several changes of one transaction, in their order", () => {
    expect(nth(1).map(({ seq, operation }) => [seq, operation])).toEqual([
      [0, "insert"],
      [1, "update"],
    ]);
    expect(nth(1)[1]).toMatchObject({ old: { title: "" }, data: { title: "second", done: null } });
  });

  test("a long value that did not change is that of the old row", () => {
    expect(nth(2)).toMatchObject([
      { operation: "update", data: { done: "f", big: LONG }, old: { done: "t", big: LONG }, metadata: null },
    ]);
  });

  test("a changed key is a delete and an insert that name one another", () => {
    expect(nth(3)).toMatchObject([
      { seq: 0, operation: "delete", key: '["1"]', data: null, metadata: { moved: '["10"]' } },
      { seq: 1, operation: "insert", key: '["10"]', old: null, metadata: { moved: '["1"]' } },
    ]);
    expect(nth(3)[0]?.old).toMatchObject({ id: "1", big: LONG });
    expect(nth(3)[1]?.data).toMatchObject({ id: "10", big: LONG });
  });

  test("a delete has the whole old row", () => {
    const old = { id: "2", title: "second", done: null, feeling: null, big: null };
    expect(nth(4)).toMatchObject([{ operation: "delete", key: '["2"]', data: null, old }]);
  });

  test("under identity key an update names what it left out, and its old row is the key", () => {
    expect(nth(6)).toMatchObject([
      {
        operation: "update",
        key: '["1","k"]',
        data: { a: "1", b: "k", note: "m" },
        old: { a: "1", b: "k" },
        metadata: { unchanged: ["big"] },
      },
    ]);
  });

  test("under identity key a changed key whose row did not come whole is no row, but a mark", () => {
    expect(nth(7)).toEqual([]);
    expect(transactions[7]?.marks).toEqual([{ kind: "moved_unchanged", relation: oid("keyed") }]);
  });

  test("under identity key a changed key with the whole row is a delete and an insert", () => {
    expect(nth(8)).toMatchObject([
      { operation: "delete", key: '["2","k"]', old: { a: "2", b: "k" } },
      { operation: "insert", key: '["3","k"]', data: { a: "3", b: "k", note: "m", big: "short" } },
    ]);
    expect(transactions[8]?.marks).toEqual([]);
  });

  test("rows of partitions are rows of their root", () => {
    expect(nth(10).map(({ relation }) => relation)).toEqual([oid("parted"), oid("parted")]);
    expect(nth(11)).toMatchObject([{ operation: "update", old: { id: "101", v: "high" } }]);
  });

  test("an old row of a partition without the right identity is not believed, and marked", () => {
    expect(transactions[13]?.marks).toEqual([]); // An insert into it.
    expect(nth(14)).toMatchObject([{ operation: "delete", key: '["201"]', old: { id: "201" } }]);
    expect(nth(14)[0]?.old).toEqual({ id: "201" });
    expect(transactions[14]?.marks).toEqual([{ kind: "identity", relation: oid("parted") }]);
  });

  test("what the table computes itself is left out", () => {
    expect(nth(15)).toMatchObject([
      { operation: "insert" },
      { operation: "update" },
      { operation: "delete" },
    ]);
    expect(nth(15).map(({ data }) => data)).toEqual([{ id: "1", a: "21" }, { id: "1", a: "4" }, null]);
  });

  test("a relation stands before the first row of its form", () => {
    const { relations } = transactions[16]!;
    const added = relations.map(({ before, relation }) => [before, relation.columns.at(-1)?.name]);
    expect(added).toEqual([[0, "more"]]);
    expect(nth(16)).toMatchObject([{ data: { more: "8" }, old: { more: "7" } }]);
  });

  test("a truncate is a change for each of its tables", () => {
    const truncated = { operation: "truncate", key: null, data: null, old: null, metadata: null };
    expect(nth(17)).toEqual([
      { seq: 0, relation: oid("todos"), ...truncated },
      { seq: 1, relation: oid("keyed"), ...truncated },
    ]);
    expect(nth(18)).toEqual([{ seq: 0, relation: oid("parted"), ...truncated }]);
  });

  test("messages of ours come with their transaction, others are nothing", () => {
    expect(transactions[19]).toMatchObject({
      messages: [{ prefix: "ampsync/client", content: '{"tx": 1}' }],
      changes: 1,
    });
    expect(transactions[20]).toMatchObject({ messages: [{ prefix: "ampsync/mark" }], changes: 0 });
    expect(transactions).toHaveLength(21);
  });

  test("tables that nobody told of are marked, and their rows left out", () => {
    const [first] = transactionsIn(decodeAll(bytes), []);
    expect(first).toMatchObject({ lines: [], changes: 0 });
    expect(first?.marks).toEqual([
      { kind: "unknown", relation: oid("todos"), schema: "public", table: "todos" },
    ]);
  });
});

describe("Transactions", () => {
  const table = capturedTable(7, "id* v");
  const relation = (columns: string, { oid = 7, identity = "f" } = {}): Relation => ({
    ...{ kind: "relation", relation: oid, schema: "s", table: "t", identity },
    columns: columns.split(" ").map((name) => ({ name, key: true, type: 25, typmod: -1 })),
  });
  const insert = (...row: Value[]): Message => ({ kind: "insert", relation: 7, row });
  const update = (old: readonly Value[], row: readonly Value[]): Message => ({
    ...{ kind: "update", relation: 7, oldKind: "O" },
    ...{ old, row },
  });

  function whole(messages: readonly Message[], tables: readonly CapturedTable[] = [table]) {
    const [transaction] = transactionsIn(around(messages), tables);
    return transaction!;
  }

  function around(messages: readonly Message[]): readonly Message[] {
    return [
      { kind: "begin", commitLsn: 16n, at: 1n, xid: 5 },
      ...messages,
      { kind: "commit", commitLsn: 16n, endLsn: 24n, at: 1n },
    ];
  }

  test("that are large give lines away before they are whole, and count them all the same", () => {
    const reader = new TransactionReader([table]);
    const [begin, ...rest] = around([relation("id v"), insert("1", "a"), insert("2", "b"), insert("3", "c")]);
    reader.add(begin!);
    for (const message of rest.slice(0, 3)) reader.add(message);
    expect(reader.held.lines).toBe(2);
    expect(reader.takeLines()).toEqual([
      expect.stringMatching(/^0,"7","insert","\[\\"1\\"\]"/),
      expect.stringMatching(/^1,/),
    ]);
    reader.add(rest[3]!);
    const transaction = reader.add(rest[4]!);
    expect(transaction).toMatchObject({ large: true, changes: 3, lines: [expect.stringMatching(/^2,/)] });
  });

  test("have each line on a line, with the place of its transaction", () => {
    const one = whole([relation("id v"), insert("1", "a\nb")]);
    const text = linesOf([one, one]);
    expect(text.split("\n").map((line) => JSON.parse(line)[0])).toEqual([0, 1]);
  });

  test("are described for the database", () => {
    const [described] = JSON.parse(transactionsOf([whole([relation("id v"), insert("1", "a")])]));
    expect(described).toMatchObject({
      ...{
        n: 0,
        commit_lsn: "0/10",
        end_lsn: "0/18",
        xid: "5",
        at: "1",
        large: false,
        changes: 1,
        marks: [],
      },
      relations: [{ before: 0, relation: "7", identity: "f", columns: [{ name: "id", type: "25" }, {}] }],
    });
  });

  test("leave out a row that is too large, naming its key and size", () => {
    const half = "y".repeat(40 * 1024 * 1024);
    const { lines, marks } = whole([relation("id v"), update(["1", half], ["1", half]), insert("2", "b")]);
    expect(lines).toHaveLength(1);
    expect(marks).toEqual([
      { kind: "row_too_large", relation: "7", key: '["1"]', bytes: 2 * half.length + 2 },
    ]);
  });

  test("leave out a row that becomes too large as JSON", () => {
    const { lines, marks } = whole([relation("id v"), insert("1", "\u0001".repeat(12 * 1024 * 1024))]);
    expect(lines).toEqual([]);
    expect(marks).toMatchObject([{ kind: "row_too_large", key: '["1"]' }]);
  });

  test("find the key where its column was renamed", () => {
    const [change] = changesOf(whole([relation("ident v"), insert("1", "a")]));
    expect(change).toMatchObject({ key: '["1"]', data: { ident: "1", v: "a" } });
  });

  test.each(["v ident", "v", "ident v more", "v w"])(
    "leave the key open where its column is gone (%s)",
    (columns) => {
      const row = columns.split(" ");
      const [change] = changesOf(whole([relation(columns), insert(...row)]));
      expect(change?.key).toBeNull();
    },
  );

  test("do not invent a value that did not come", () => {
    const [change] = changesOf(
      whole([
        relation("id v", { identity: "d" }),
        { kind: "update", relation: 7, oldKind: null, old: null, row: ["1", UNCHANGED] },
      ]),
    );
    expect(change).toMatchObject({ data: { id: "1" }, metadata: { unchanged: ["v"] }, old: { id: "1" } });
    expect(change?.data).not.toHaveProperty("v");
  });

  test("take a key stored apart from the old row", () => {
    const [change] = changesOf(
      whole(
        [
          relation("id v", { identity: "d" }),
          { ...{ kind: "update", relation: 7, oldKind: "K" }, old: ["long", null], row: [UNCHANGED, "b"] },
        ],
        [capturedTable(7, "id* v", { identity: "key" })],
      ),
    );
    expect(change).toMatchObject({ operation: "update", key: '["long"]', data: { id: "long", v: "b" } });
  });

  test("take the tables anew when told, in the middle of one as well", () => {
    const reader = new TransactionReader([]);
    const [begin, described, row, commit] = around([relation("id v"), insert("1", "a")]);
    for (const message of [begin, described]) reader.add(message!);
    expect(reader.knows(7)).toBe(false);
    reader.know([table]);
    reader.add(row!);
    expect(reader.add(commit!)).toMatchObject({ changes: 1, marks: [] });
  });

  test("pass on a hundred messages at most, and none that PostgreSQL could not store", () => {
    const message = (content: Buffer): Message => ({
      ...{ kind: "message", transactional: true, lsn: 1n, prefix: "ampsync/client" },
      content,
    });
    const contents = [Buffer.from([0]), Buffer.from([0xff]), Buffer.alloc(4097, 97), Buffer.from("ok")];
    const { messages } = whole([...contents, ...new Array(200).fill(Buffer.from("more"))].map(message));
    expect(messages.slice(0, 4).map(({ content }) => content)).toEqual(["", "", "", "ok"]);
    expect(messages).toHaveLength(100);
  });

  test("count what messages add to a call, and hear those of ours alone", () => {
    const content = Buffer.alloc(4096, 1);
    const messages = ["ampsync/client", "ampsync/other", "foreign"].map(
      (prefix): Message => ({ kind: "message", transactional: true, lsn: 1n, prefix, content }),
    );
    const transaction = whole(messages);
    expect(transaction.messages.map(({ prefix }) => prefix)).toEqual(["ampsync/client"]);
    expect(transaction.callBytes).toBeGreaterThanOrEqual(JSON.stringify(transaction.messages).length - 40);
    const waiting = new Waiting();
    for (let n = 0; n < 500; n++) waiting.add(transaction);
    expect(waiting.isFull).toBe(true);
    const group = waiting.take()!;
    expect("transactions" in group && group.transactions.length).toBeLessThan(50);
  });

  test("doubt old rows of a table whose partition was dropped meanwhile", () => {
    const parted = capturedTable(7, "id* v");
    const reader = new TransactionReader([parted]);
    const remove: Message = { kind: "delete", relation: 7, oldKind: "O", old: ["1", null] };
    for (const message of around([
      relation("id v"),
      relation("id v", { oid: 8, identity: "d" }),
      insert("1", "a"),
    ]))
      reader.add(message);
    reader.know([parted]);
    const [transaction] = around([remove]).flatMap((message) => reader.add(message) ?? []);
    expect(transaction?.marks).toEqual([{ kind: "identity", relation: "7" }]);
    expect(changesOf(transaction!)[0]?.old).toEqual({ id: "1" });
  });

  test("do not take a null of an old row that did not come whole for a value", () => {
    const { lines, marks } = whole(
      [
        relation("id v", { identity: "i" }),
        { ...{ kind: "update", relation: 7, oldKind: "K" }, old: [null, "a"], row: [UNCHANGED, "b"] },
      ],
      [capturedTable(7, "id* v", { identity: "key" })],
    );
    expect(lines).toEqual([]);
    expect(marks).toEqual([{ kind: "moved_unchanged", relation: "7" }]);
  });

  test.each<[string, readonly Message[]]>([
    ["a row outside of one", [insert("1", "a")]],
    ["a commit outside of one", around([]).slice(1)],
    ["a beginning within one", [around([])[0]!, around([])[0]!]],
    ["a commit of another one", [around([])[0]!, { kind: "commit", commitLsn: 17n, endLsn: 24n, at: 1n }]],
  ])("do not take %s", (_, messages) => {
    expect(() => transactionsIn(messages, [table])).toThrow(expect.objectContaining({ code: "SY404" }));
  });

  test("have places in WAL as PostgreSQL writes them", () => {
    expect(lsnText(0x16b_0000_0abcn)).toBe("16B/ABC");
    expect(lsnOf("16B/ABC")).toBe(0x16b_0000_0abcn);
  });
});
