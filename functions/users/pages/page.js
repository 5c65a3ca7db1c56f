"use strict";
const form = document.querySelector("form");
const { to, token: tokenName } = form.dataset;
const logsIn = "logIn" in form.dataset;
const find = (id) => document.getElementById(id);
const tell = (text) => { find("problem").textContent = text; };

// The token is taken out of the address, so that no bookmark or screenshot keeps it.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) history.replaceState(null, "", location.pathname);
if (tokenName && !token) {
  tell("This page needs the whole link of the mail: follow it again, or ask for a new one.");
  form.querySelector("button").disabled = true;
}
if (token && find("other")) find("other").hash = new URLSearchParams({ token });

async function call(path, body, bearer) {
  const headers = { "Content-Type": "application/json" };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  const answer = text && (response.headers.get("Content-Type") || "").includes("json") ? JSON.parse(text) : {};
  if (!response.ok) throw new Error(explain(answer) || `The server answered ${response.status}: try again later.`);
  return answer;
}

// explain makes a sentence of a problem detail (RFC 9457).
function explain(problem) {
  const places = (problem.errors || []).map((e) => e.message);
  return [problem.detail, ...places].filter(Boolean).join("\n");
}

if (token && form.dataset.lookUp) {
  call(form.dataset.lookUp, { token })
    .then((offer) => { find("offer").textContent = `${offer.organization_name} invites you to join, as ${offer.role}.`; })
    .catch((problem) => tell(problem.message));
}

let pending = ""; // the login that waits for a second factor
let proved = null; // what a passkey has answered

// askPasskey has the browser ask for a passkey: for the login that waits, or instead of a
// password (WebAuthn level 3, §5.1.8).
async function askPasskey() {
  const ceremony = pending
    ? await call("/v1/users/mfa/verify/passkey", { mfa_token: pending })
    : await call("/v1/users/passkeys/login/begin", {});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(ceremony.options);
  const credential = await navigator.credentials.get({ publicKey }).catch(() => {
    throw new Error("No passkey was used: try again, or log in otherwise.");
  });
  return { challenge_token: ceremony.challenge_token, credential: credential.toJSON() };
}

// logIn is an access token, or nothing while a second factor is asked for.
async function logIn(fields) {
  let answer;
  if (proved && pending) {
    answer = await call("/v1/users/mfa/verify", { mfa_token: pending, passkey: proved });
  } else if (proved) {
    answer = await call("/v1/users/passkeys/login/finish", proved);
  } else if (pending) {
    const code = fields.code.replaceAll(" ", "");
    answer = await call("/v1/users/mfa/verify", { mfa_token: pending, [/^\d{6}$/.test(code) ? "code" : "recovery_code"]: code });
  } else {
    answer = await call("/v1/users/login", { email: fields.email, password: fields.password });
  }
  if (answer.mfa_required) {
    pending = answer.mfa_token;
    const codes = answer.mfa_methods.some((method) => method !== "passkey");
    find("factor").hidden = !codes;
    if (codes) find("code").focus();
    if (answer.mfa_methods.includes("passkey")) tell("Use your passkey to go on.");
    return "";
  }
  return answer.access_token;
}

async function submit() {
  const fields = Object.fromEntries(new FormData(form));
  const body = logsIn ? {} : fields;
  if (tokenName) body[tokenName] = token;
  if (!logsIn) return call(to, body);
  const bearer = await logIn(fields);
  if (!bearer) return null;
  try {
    return await call(to, body, bearer);
  } finally {
    await call("/v1/users/logout", {}, bearer).catch(() => {}); // the page keeps no session
  }
}

async function proceed(prove) {
  const button = form.querySelector("button");
  tell("");
  button.disabled = true;
  try {
    proved = prove ? await prove() : null;
    if (await submit()) {
      form.hidden = true;
      find("done").hidden = false;
    }
  } catch (problem) {
    tell(problem.message);
  } finally {
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  proceed(null);
});
if (find("passkey") && window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  find("passkey").hidden = false;
  find("passkey").addEventListener("click", () => proceed(askPasskey));
}

for (const box of form.querySelectorAll("[data-shows]")) {
  box.addEventListener("change", () => { find(box.dataset.shows).type = box.checked ? "text" : "password"; });
}
for (const input of form.querySelectorAll("[data-rated]")) {
  input.addEventListener("change", async () => {
    const rated = await call("/v1/users/password/strength", { password: input.value }).catch(() => ({}));
    find("strength").textContent = rated.reason || rated.hint || "";
  });
}
