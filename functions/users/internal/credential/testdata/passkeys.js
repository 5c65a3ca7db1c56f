// What a page does with passkeys: the platform's options in, the platform's body out
// (WebAuthn level 3, §5.1.8 and §5.1.9).
async function createPasskey(ceremony) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(ceremony.options);
  const credential = await navigator.credentials.create({ publicKey });
  return { challenge_token: ceremony.challenge_token, credential: credential.toJSON() };
}

async function usePasskey(ceremony) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(ceremony.options);
  const credential = await navigator.credentials.get({ publicKey });
  return { challenge_token: ceremony.challenge_token, credential: credential.toJSON() };
}

async function call(method, path, token, body) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}
