import { describe, expect, it } from "vitest";
import type { Codec, DeflateSettings } from "../../lib/base/codec.ts";
import type { History } from "../../lib/base/history.ts";
import { RSV1 } from "../../lib/ws/extension.ts";
import { parseExtensions } from "../../lib/ws/extension-header.ts";
import { agreeOn, type Negotiated, negotiate, offerHeader } from "../../lib/ws/extensions.ts";
import { type PermessageDeflateOptions, permessageDeflate } from "../../lib/ws/permessage-deflate.ts";

const PMD = "permessage-deflate";

/** "a, b" as the list of offers of permessage-deflate with these parameters; "-" for one without. */
const offersOf = (text: string) =>
  parseExtensions(
    text
      .split(", ")
      .map((each) => (each === "-" ? PMD : `${PMD}; ${each}`))
      .join(", "),
  )!;

/** The parameters that a server answers, "-" for none of them; "declined" without an answer. */
function answer(offer: string, options?: PermessageDeflateOptions): string {
  const { header } = negotiate([permessageDeflate(options)], offersOf(offer));
  if (header === undefined) return "declined";
  return header === PMD ? "-" : header.slice(PMD.length + 2);
}

function agree(given: string, options?: PermessageDeflateOptions): Negotiated | null {
  return agreeOn([permessageDeflate(options)], offersOf(given));
}

/** What a session does by its terms: `"sends 15 keeping 2048, keeps 32768"`; `"sends plain"` when it cannot compress. */
function terms(negotiated: Negotiated): string {
  let sends = "sends plain";
  let keeps = "keeps 0";
  const size = (history: History | null) => history?.size ?? 0;
  const codec: Codec = {
    deflate(_data: Uint8Array, history: History | null, { windowBits }: DeflateSettings) {
      sends = `sends ${windowBits} keeping ${size(history)}`;
      return Buffer.alloc(4);
    },
    inflate(data, _start, _end, history) {
      keeps = `keeps ${size(history)}`;
      return data;
    },
  };
  const stack = negotiated.open({ codec })!;
  stack.encode(Buffer.alloc(1024), true, true);
  stack.decode(RSV1, Buffer.from("x"), 0, 1, 100);
  return `${sends}, ${keeps}`;
}

const serverTerms = (offer: string, options?: PermessageDeflateOptions) =>
  terms(negotiate([permessageDeflate(options)], offersOf(offer)));

describe("a server's answer", () => {
  // RFC 7692 section 7.1.3.
  it.each([
    ["-", "-"],
    ["client_max_window_bits; server_max_window_bits=10", "server_max_window_bits=10"],
    [
      "client_max_window_bits; server_max_window_bits=10, client_max_window_bits",
      "server_max_window_bits=10",
    ],
  ])("to the example %s is %s", (offer, expected) => expect(answer(offer)).toBe(expected));

  it.each([
    ["server_no_context_takeover", "server_no_context_takeover"],
    ["client_no_context_takeover", "client_no_context_takeover"],
    [
      "client_no_context_takeover; server_no_context_takeover",
      "server_no_context_takeover; client_no_context_takeover",
    ],
    ["server_max_window_bits=15", "server_max_window_bits=15"],
    ["server_max_window_bits=9", "server_max_window_bits=9"],
    ['server_max_window_bits="1\\0"', "server_max_window_bits=10"],
    ["client_max_window_bits", "-"],
    ["client_max_window_bits=15", "-"],
    ["client_max_window_bits=14", "client_max_window_bits=14"],
    ["client_max_window_bits=8", "client_max_window_bits=8"],
    ["server_no_context_takeover; x, client_max_window_bits=9", "client_max_window_bits=9"],
  ])("to %s is %s", (offer, expected) => expect(answer(offer)).toBe(expected));

  it.each<[PermessageDeflateOptions, string, string]>([
    [{ serverNoContextTakeover: true }, "-", "server_no_context_takeover"],
    [{ clientNoContextTakeover: true }, "-", "client_no_context_takeover"],
    [{ serverMaxWindowBits: 12 }, "-", "server_max_window_bits=12"],
    [{ serverMaxWindowBits: 12 }, "server_max_window_bits=13", "server_max_window_bits=12"],
    [{ serverMaxWindowBits: 12 }, "server_max_window_bits=11", "server_max_window_bits=11"],
    [{ clientMaxWindowBits: 12 }, "client_max_window_bits", "client_max_window_bits=12"],
    [{ clientMaxWindowBits: 12 }, "client_max_window_bits=15", "client_max_window_bits=12"],
    [{ clientMaxWindowBits: 12 }, "client_max_window_bits=8", "client_max_window_bits=8"],
    [{ clientMaxWindowBits: 12 }, "-", "-"],
  ])("with %j to %s is %s", (options, offer, expected) => expect(answer(offer, options)).toBe(expected));

  it.each([
    ...[
      "unknown",
      "unknown=1",
      "constructor",
      "__proto__",
      "Server_no_context_takeover",
      "client_max_window_bits; x",
    ],
    ...["server_no_context_takeover=1", "client_no_context_takeover=true", "server_no_context_takeover=15"],
    ...["server_max_window_bits", "client_no_context_takeover; client_no_context_takeover"],
    ...["16", "7", "08", "010", "0", "1", "-9", "+9", "9.0", "0x9", "1e1", "nine", "155", "99"].flatMap(
      (bits) => [`server_max_window_bits=${bits}`, `client_max_window_bits=${bits}`],
    ),
    ...[
      "client_max_window_bits; client_max_window_bits=10",
      "server_max_window_bits=9; server_max_window_bits=9",
    ],
  ])("row 12: to %s is silence, and the next offer is considered", (offer) => {
    expect(answer(offer)).toBe("declined");
    expect(answer(`${offer}, server_max_window_bits=11, -`)).toBe("server_max_window_bits=11");
  });

  it("declines a window of 8 bits for itself, which zlib would make one of 9", () => {
    expect(answer("server_max_window_bits=8")).toBe("declined");
    expect(answer("server_max_window_bits=8, client_max_window_bits=8")).toBe("client_max_window_bits=8");
  });

  it.each<[string, PermessageDeflateOptions, string]>([
    ["-", {}, "sends 15 keeping 2048, keeps 32768"],
    ["server_no_context_takeover", {}, "sends 15 keeping 0, keeps 32768"],
    ["client_no_context_takeover", {}, "sends 15 keeping 2048, keeps 0"],
    ["server_max_window_bits=10; client_max_window_bits=9", {}, "sends 10 keeping 1024, keeps 512"],
    ["client_max_window_bits=8", {}, "sends 15 keeping 2048, keeps 256"],
    ["client_max_window_bits", { clientMaxWindowBits: 11 }, "sends 15 keeping 2048, keeps 2048"],
    ["-", { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }, "sends 9 keeping 512, keeps 32768"],
    ["-", { serverNoContextTakeover: true, clientNoContextTakeover: true }, "sends 15 keeping 0, keeps 0"],
  ])("to %s with %j is what the session keeps to", (offer, options, expected) => {
    expect(serverTerms(offer, options)).toBe(expected);
  });
});

describe("a client's offer", () => {
  it.each<[PermessageDeflateOptions | undefined, string]>([
    [undefined, "client_max_window_bits"],
    [{ clientMaxWindowBits: 10 }, "client_max_window_bits=10"],
    [{ serverMaxWindowBits: 9 }, "server_max_window_bits=9; client_max_window_bits"],
    [
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      "server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
    ],
  ])("with %j is %s", (options, expected) => {
    expect(offerHeader([permessageDeflate(options)])).toBe(`${PMD}; ${expected}`);
  });
});

describe("an answer of a server", () => {
  it.each<[string, PermessageDeflateOptions, string]>([
    ["-", {}, "sends 15 keeping 2048, keeps 32768"],
    ["server_no_context_takeover", {}, "sends 15 keeping 2048, keeps 0"],
    ["client_no_context_takeover", {}, "sends 15 keeping 0, keeps 32768"],
    ["server_max_window_bits=15", {}, "sends 15 keeping 2048, keeps 32768"],
    ["server_max_window_bits=8; client_max_window_bits=10", {}, "sends 10 keeping 1024, keeps 256"],
    ["server_max_window_bits=9", { serverMaxWindowBits: 10 }, "sends 15 keeping 2048, keeps 512"],
    ["client_max_window_bits=9", { clientMaxWindowBits: 10 }, "sends 9 keeping 512, keeps 32768"],
    // What the client has told of itself it keeps to, answered or not.
    ["-", { clientMaxWindowBits: 10, clientNoContextTakeover: true }, "sends 10 keeping 0, keeps 32768"],
    ["client_max_window_bits=8", {}, "sends plain, keeps 32768"],
  ])("%s to what %j offers is kept to", (given, options, expected) => {
    expect(terms(agree(given, options)!)).toBe(expected);
  });

  it.each<[string, PermessageDeflateOptions]>(
    [
      ...["unknown", "server_max_window_bits", "client_max_window_bits", "server_no_context_takeover=1"],
      ...["16", "7", "08", "x"].flatMap((bits) => [
        `server_max_window_bits=${bits}`,
        `client_max_window_bits=${bits}`,
      ]),
      "server_no_context_takeover; server_no_context_takeover",
      "-, -",
    ].map((given): [string, PermessageDeflateOptions] => [given, {}]),
  )("row 48: %s fails the handshake", (given) => {
    expect(agree(given)).toBeNull();
  });

  it.each<[string, PermessageDeflateOptions]>([
    ["server_max_window_bits=11", { serverMaxWindowBits: 10 }],
    ["-", { serverMaxWindowBits: 10 }],
    ["client_max_window_bits=11", { clientMaxWindowBits: 10 }],
    ["client_no_context_takeover", { serverNoContextTakeover: true }],
  ])("row 48: %s does not keep to what %j offers, and fails the handshake", (given, options) => {
    expect(agree(given, options)).toBeNull();
  });

  it("is what a server of this house gives, whatever the options of the two", () => {
    const choices: PermessageDeflateOptions[] = [9, 12, 15].flatMap((serverMaxWindowBits) =>
      [9, 12, 15].flatMap((clientMaxWindowBits) =>
        [false, true].flatMap((serverNoContextTakeover) =>
          [false, true].map((clientNoContextTakeover) => ({
            serverMaxWindowBits,
            clientMaxWindowBits,
            serverNoContextTakeover,
            clientNoContextTakeover,
          })),
        ),
      ),
    );
    for (const theirs of choices) {
      for (const ours of choices) {
        const client = [permessageDeflate(theirs)];
        const { header } = negotiate([permessageDeflate(ours)], parseExtensions(offerHeader(client)!)!);
        const agreed = agreeOn(client, parseExtensions(header!)!);
        expect(agreed, `${JSON.stringify(theirs)} to ${JSON.stringify(ours)}: ${header}`).not.toBeNull();
        expect(agreed!.header).toBe(header);
      }
    }
  });
});

describe("the options", () => {
  it.each<[string, unknown]>([
    ["serverMaxWindowBits", 8],
    ["serverMaxWindowBits", 16],
    ["clientMaxWindowBits", 8],
    ["clientMaxWindowBits", "15"],
    ["threshold", -1],
    ["threshold", 0.5],
    ["level", 0],
    ["level", 10],
    ["memLevel", 0],
    ["memLevel", 10],
    ["memLevel", Number.NaN],
    ["serverNoContextTakeover", 1],
    ["clientNoContextTakeover", null],
    ["levle", 6],
    ["constructor", 6],
  ])("refuse %s: %j, by name", (name, value) => {
    const wrong = () => permessageDeflate({ [name]: value });
    expect(wrong).toThrow(TypeError);
    expect(wrong).toThrow(new RegExp(`^${name}: `));
  });

  it("refuse what is no object", () => {
    // @ts-expect-error: what a program in JavaScript may give
    expect(() => permessageDeflate(null)).toThrow(TypeError);
    // @ts-expect-error: the same
    expect(() => permessageDeflate("level=9")).toThrow(TypeError);
  });

  it("take undefined for the default", () => {
    expect(answer("-", Object.fromEntries([["serverMaxWindowBits", undefined]]))).toBe("-");
  });

  it("reach the codec, as one frozen object for all sessions with the same window", () => {
    const extension = permessageDeflate({ level: 1, memLevel: 9, threshold: 0 });
    const seen: DeflateSettings[] = [];
    const codec: Codec = {
      deflate: (_data, _history, settings) => {
        seen.push(settings);
        return Buffer.alloc(4);
      },
      inflate: (data) => data,
    };
    for (const offer of ["-", "server_max_window_bits=15", "server_max_window_bits=9"]) {
      negotiate([extension], offersOf(offer)).open({ codec })!.encode(Buffer.from("x"), true, true);
    }
    expect(seen).toEqual([
      { level: 1, memLevel: 9, windowBits: 15 },
      { level: 1, memLevel: 9, windowBits: 15 },
      { level: 1, memLevel: 9, windowBits: 9 },
    ]);
    expect(seen[0]).toBe(seen[1]);
    expect(seen.every((settings) => Object.isFrozen(settings))).toBe(true);
  });
});
