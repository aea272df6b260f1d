import { describe, expect, test } from "vitest";
import { SUBJECTS, sendSubject, sessionSubject } from "../../../bench/micro/subjects.ts";

const all = [
  ...SUBJECTS,
  sessionSubject(20, false),
  sessionSubject(1024, true),
  sendSubject("text"),
  sendSubject(Buffer.from("bytes")),
];

describe("every subject of the micro benchmarks", () => {
  test.each(all.map((subject) => [`${subject.name}, ${subject.bytes} B`, subject] as const))(
    "can be called again and again: %s",
    (_name, { call }) => {
      for (let i = 0; i < 3; i++) expect(call).not.toThrow();
    },
  );
});
