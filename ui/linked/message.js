// A message of npf_engine/figures/message.py: its head, and its arrays as they are asked for.
const TYPES = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array };

/** {head, array(place)}: ``place`` as the head has it. */
function readMessage(bytes) {
  const head = headOf(bytes), from = bytes.byteOffset + 8 + lengthOf(bytes);
  const array = ({ type, offset, count }) => {
    const Type = TYPES[type];
    return new Type(bytes.buffer.slice(from + offset, from + offset + count * Type.BYTES_PER_ELEMENT)); // a copy lies aligned
  };
  return { head, array };
}

function headOf(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + lengthOf(bytes))));
}

function lengthOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
}
