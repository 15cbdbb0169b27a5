// The API as scripts use it: the same session as the page, the token of its forms, and reasons that people understand.
const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** What went wrong, as a sentence; `maybe` when it may have been done nevertheless. */
export class Refused extends Error {
  constructor(text, maybe = false) {
    super(text);
    this.maybe = maybe;
  }
}

/** Sends a request that changes something; `key` makes it safe to repeat. */
export async function send(method, path, { body, key } = {}) {
  const headers = { accept: "application/json", "x-csrf-token": token };
  if (body) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10000) });
  } catch (error) {
    const slow = error.name === "TimeoutError";
    throw new Refused(slow ? "That took too long. Try again in a moment." : "The board is out of reach. Try again in a moment.", true);
  }
  const text = await response.text().catch(() => "");
  if (!response.ok) throw refusal(response.status, text);
  return text ? JSON.parse(text) : null;
}

/** Why an answer is not what was asked for. */
export function refusal(status, text) {
  if (status === 401) signIn();
  const answer = parse(text);
  const reason = answer?.errors?.[0];
  if (reason) return new Refused(`The ${reason.field} ${reason.detail}.`);
  if (status === 401) return new Refused("You are signed out. Sign in and try again.");
  if (status === 403) return new Refused("This page is out of date. Load it again and repeat what you did.");
  if (status === 404) return new Refused("That is gone. Load the page again to see the board as it is.");
  if (status === 429) return new Refused("That was a lot at once. Try again in a moment.");
  if (status >= 500) return new Refused("The board is out of reach. Try again in a moment.", true);
  return new Refused(answer?.detail ? `That did not work: ${answer.detail}.` : "That did not work. Try again in a moment.");
}

/** A header that proves to the API that the request comes from this page. */
export function proof() {
  return ["x-csrf-token", token];
}

/** A key that no other request has. `crypto.randomUUID` is missing on plain HTTP. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The session has ended: leaves for the page to sign in, and comes back to this one. A page with something unsaved may object. */
export function signIn() {
  if (!dispatchEvent(new Event("signedout", { cancelable: true }))) return;
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
