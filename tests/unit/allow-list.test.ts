import { describe, expect, test } from "vitest";

import { AllowList } from "../../src/http/allow-list.ts";

function listOf(text: string): AllowList {
  const problems: string[] = [];
  const list = AllowList.parse(text, problems);
  expect(problems).toEqual([]);
  return list;
}

function mayCall(text: string, url: string): boolean {
  return listOf(text).refuses(new URL(url)) === null;
}

describe("a request may go", () => {
  test.each([
    ["api.example.com", "https://api.example.com/v1"],
    ["API.Example.com", "https://api.example.COM/"],
    ["api.example.com:443", "https://api.example.com/"],
    ["api.example.com:8443", "https://api.example.com:8443/"],
    ["other.example, *.example.com", "https://a.b.example.com/"],
    ["http://api.example.com", "http://api.example.com/"],
    ["http://api.example.com:8080", "http://api.example.com:8080/"],
    ["http://api.example.com", "https://api.example.com/"],
    ["[::1]:8443", "https://[::1]:8443/"],
    ["127.0.0.1", "https://127.0.0.1/"],
    ["bücher.example", "https://xn--bcher-kva.example/"],
  ])("by %s to %s", (text, url) => {
    expect(mayCall(text, url)).toBe(true);
  });
});

describe("a request may not go", () => {
  test.each([
    ["", "https://api.example.com/"],
    ["api.example.com", "http://api.example.com/"],
    ["api.example.com", "https://api.example.com:8443/"],
    ["api.example.com:8443", "https://api.example.com/"],
    ["api.example.com", "https://x.api.example.com/"],
    ["*.example.com", "https://example.com/"],
    ["*.example.com", "https://badexample.com/"],
    ["example.com", "https://example.com.evil.example/"],
    ["http://api.example.com:8080", "http://api.example.com/"],
    ["api.example.com", "ftp://api.example.com/"],
  ])("by %j to %s", (text, url) => {
    const error = listOf(text).refuses(new URL(url));
    expect(error).toMatchObject({ code: "SY305", retryAfterS: 60 });
    expect(error?.hint).toContain("AMPSYNC_HTTP_ALLOW");
  });
});

test.each([
  ...["https://a.example", "a.example/", "a.example:0", "a.example:65536", "a.example:x", "*", "*.1.2.3.4"],
  ...["a.example=", "a.example=key", "a.example=A+", "a.example=A=B", "user@a.example", "a b", "a.*.example"],
])("%j is no entry", (entry) => {
  const problems: string[] = [];
  AllowList.parse(`fine.example,${entry}`, problems);
  expect(problems).toEqual([`${JSON.stringify(entry)} is no host with its secrets`]);
});

describe("behind a name", () => {
  const PRIVATE = [
    ...["127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0.0.0.0"],
    ...[
      "192.0.0.192",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "64:ff9b::a00:1",
      "2002:a00:1::",
      "ff02::1",
    ],
    ...["::1", "::", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:7f00:1"],
  ];
  const LINK_LOCAL = ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"];

  test.each(["93.184.216.34", "2606:2800:220:1::1", "172.32.0.1", "11.0.0.1"])(
    "the public address %s is called, whatever allows the name",
    (address) => {
      for (const text of ["a.example.com", "*.example.com"]) {
        expect(listOf(text).refusesAddress(new URL("https://a.example.com/"), address)).toBeNull();
      }
    },
  );

  test.each(PRIVATE)("the private address %s is called for a name that is listed itself alone", (address) => {
    const url = new URL("https://a.example.com/");
    expect(listOf("a.example.com").refusesAddress(url, address)).toBeNull();
    expect(listOf("*.example.com").refusesAddress(url, address)).toMatchObject({ code: "SY305" });
    expect(listOf("*.example.com,a.example.com").refusesAddress(url, address)).toBeNull();
  });

  test.each(LINK_LOCAL)("the link-local address %s is called for no name", (address) => {
    const url = new URL("https://a.example.com/");
    for (const text of ["a.example.com", "*.example.com", "a.example.com,169.254.169.254"]) {
      expect(listOf(text).refusesAddress(url, address)).toMatchObject({ code: "SY305" });
    }
  });
});

test("a link-local address that is listed itself is called", () => {
  for (const [text, url, address] of [
    ["http://169.254.169.254", "http://169.254.169.254/", "169.254.169.254"],
    ["http://[fe80::1]", "http://[fe80::1]/", "fe80::1"],
  ] as const) {
    expect(listOf(text).refuses(new URL(url))).toBeNull();
    expect(listOf(text).refusesAddress(new URL(url), address)).toBeNull();
  }
});

describe("a secret goes", () => {
  test("to hosts that name it alone", () => {
    const list = listOf("a.example=KEY+OTHER,b.example=OTHER,*.a.example");
    expect(list.refusesSecret(new URL("https://a.example/"), "KEY")).toBeNull();
    expect(list.refusesSecret(new URL("https://a.example/"), "OTHER")).toBeNull();
    for (const host of ["b.example", "x.a.example", "c.example", "a.example:8443"]) {
      expect(list.refusesSecret(new URL(`https://${host}/`), "KEY")).toMatchObject({
        code: "SY306",
        message: `the secret KEY may not be sent to https://${host}`,
        hint: expect.stringContaining(`${host}=KEY`),
      });
    }
  });

  test("to an origin that is added, which then may be called", () => {
    const url = new URL("http://127.0.0.1:8080/v1");
    const list = listOf("").with(url, "API_KEY");
    expect(list.refuses(url)).toBeNull();
    expect(list.refusesAddress(url, "127.0.0.1")).toBeNull();
    expect(list.refusesSecret(url, "API_KEY")).toBeNull();
    expect(list.refuses(new URL("http://127.0.0.1:8081/"))).not.toBeNull();
  });
});
