// WebAuthn Level 3 in JSON; browsers that lack it do not get the button.

type WithJSON = typeof PublicKeyCredential & {
  parseCreationOptionsFromJSON?: (json: unknown) => PublicKeyCredentialCreationOptions;
  parseRequestOptionsFromJSON?: (json: unknown) => PublicKeyCredentialRequestOptions;
};

const api = () => (typeof PublicKeyCredential === "undefined" ? undefined : (PublicKeyCredential as WithJSON));

/** A passkey is bound to a name: on an address such as 127.0.0.1 there are none. */
export const passkeysWork = () => !!api()?.parseCreationOptionsFromJSON && !/^[\d.]+$|^\[/.test(location.hostname);

export async function createPasskey(options: string) {
  const publicKey = api()!.parseCreationOptionsFromJSON!(JSON.parse(options));
  const made = await navigator.credentials.create({ publicKey }).catch(refused);
  return JSON.stringify((made as PublicKeyCredential).toJSON());
}

export async function answerWithPasskey(options: string) {
  const publicKey = api()!.parseRequestOptionsFromJSON!(JSON.parse(options));
  const used = await navigator.credentials.get({ publicKey }).catch(refused);
  return JSON.stringify((used as PublicKeyCredential).toJSON());
}

function refused(e: unknown): never {
  throw new Error(
    e instanceof DOMException && e.name === "InvalidStateError"
      ? "This device already has a passkey here."
      : "The passkey was not used: it was cancelled or took too long.",
  );
}
