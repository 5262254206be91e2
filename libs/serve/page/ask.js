// Requests to the server, and its refusals.

/** A refused or failed request, with the HTTP status; 0 if there was no answer. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Sends a request and returns the answer, or throws `Refused`. */
export async function load(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused("The server does not answer. Is it still running?", 0);
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => null);
    const words = body?.error ?? `The server refused this (status ${answer.status}).`;
    throw new Refused(words.charAt(0).toUpperCase() + words.slice(1), answer.status);
  }
  return answer;
}

/** Sends a request and returns the JSON of the answer, or throws `Refused`. */
export async function ask(path, options = {}) {
  const answer = await load(path, options);
  return answer.status === 204 ? null : answer.json().catch(() => null);
}
