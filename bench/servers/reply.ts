/** What every server answers to `/reply`: 200 bytes. */
export const REPLY = "A short answer. ".repeat(13).slice(0, 199).concat("\n");
