// One side of a call that may only relay. The test carries the descriptions across.
let connection;
let channel;

globalThis.start = async (iceServers) => {
  connection = new RTCPeerConnection({iceServers, iceTransportPolicy: 'relay'});
  connection.ontrack = ({track, streams}) => {
    // Only a track that somebody watches is decoded.
    const element = document.createElement(track.kind);
    element.autoplay = true;
    element.muted = true;
    element.srcObject = streams[0];
    document.body.append(element);
  };
  channel = connection.createDataChannel('file', {negotiated: true, id: 1});
  channel.binaryType = 'arraybuffer';
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  for (const track of media.getTracks()) connection.addTrack(track, media);
};

// What the credential service answers to this page.
globalThis.askForIceServers = async ({url, key}) => {
  const response = await fetch(`${url}/v1/ice-servers`, {
    method: 'POST',
    headers: {'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json'},
    body: JSON.stringify({user: 'somebody', ttl: 600}),
  });
  if (!response.ok) throw new Error(`the credential service answers ${response.status}`);
  return (await response.json()).iceServers;
};

const gathered = () => new Promise((resolve) => {
  const look = () => connection.iceGatheringState === 'complete' && resolve();
  connection.addEventListener('icegatheringstatechange', look);
  look();
});

globalThis.offer = async () => {
  await connection.setLocalDescription(await connection.createOffer());
  await gathered();
  return connection.localDescription.toJSON();
};

globalThis.answer = async (offer) => {
  await connection.setRemoteDescription(offer);
  await connection.setLocalDescription(await connection.createAnswer());
  await gathered();
  return connection.localDescription.toJSON();
};

globalThis.accept = (answer) => connection.setRemoteDescription(answer);

globalThis.connected = () => new Promise((resolve, reject) => {
  const look = () => {
    if (connection.connectionState === 'connected' && channel.readyState === 'open') resolve();
    if (connection.connectionState === 'failed') reject(new Error('the connection failed'));
  };
  connection.addEventListener('connectionstatechange', look);
  channel.addEventListener('open', look);
  look();
});

const hex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
const sha256 = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));

const chunk = 16 * 1024;
const sendWindow = 1024 * 1024;

// Sends `size` random bytes; returns their hash.
globalThis.sendFile = async (size) => {
  const file = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) {
    crypto.getRandomValues(file.subarray(at, Math.min(at + 65536, size)));
  }
  channel.bufferedAmountLowThreshold = sendWindow / 2;
  for (let at = 0; at < size; at += chunk) {
    if (channel.bufferedAmount > sendWindow) {
      await new Promise((resolve) => channel.addEventListener('bufferedamountlow', resolve,
                                                              {once: true}));
    }
    channel.send(file.subarray(at, at + chunk));
  }
  return sha256(file);
};

// The hash of the next `size` bytes that arrive.
globalThis.expectFile = (size) => {
  const file = new Uint8Array(size);
  let at = 0;
  globalThis.fileArrived = new Promise((resolve) => {
    channel.onmessage = ({data}) => {
      file.set(new Uint8Array(data), at);
      at += data.byteLength;
      if (at === size) resolve(sha256(file));
    };
  });
};

// What getStats knows of media and of the pair of candidates in use.
globalThis.statistics = async () => {
  const stats = await connection.getStats();
  const all = [...stats.values()];
  const media = (kind) => all.find((s) => s.type === 'inbound-rtp' && s.kind === kind);
  const transport = all.find((s) => s.type === 'transport');
  const pair = stats.get(transport.selectedCandidatePairId);
  const local = stats.get(pair.localCandidateId);
  return {
    localType: local.candidateType,
    relayProtocol: local.relayProtocol,
    remoteType: stats.get(pair.remoteCandidateId).candidateType,
    framesDecoded: media('video')?.framesDecoded ?? 0,
    // Concealed samples are the decoder's invention for packets that did not come.
    samplesHeard: (media('audio')?.totalSamplesReceived ?? 0) -
        (media('audio')?.concealedSamples ?? 0),
    transportPacketsSent: pair.packetsSent,
    transportPacketsReceived: pair.packetsReceived,
  };
};
