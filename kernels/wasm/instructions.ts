// The WebAssembly instructions this project uses: name, operand and result types, opcode.
//
// An opcode above 0xffff is a prefix byte (0xfc, 0xfd: SIMD, 0xfe: threads) followed by sixteen bits for the
// number after the prefix. Source: the WebAssembly core specification 3.0, its relaxed SIMD chapter, and
// the threads proposal.

/** The types of WebAssembly values. */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Instructions whose operands come from the stack: `[operands>result, opcode]`. */
// deno-fmt-ignore
export const stackInstructions = {
  "i32.eqz": ["i32>i32", 0x45], "i32.eq": ["i32,i32>i32", 0x46], "i32.ne": ["i32,i32>i32", 0x47],
  "i32.lt_s": ["i32,i32>i32", 0x48], "i32.lt_u": ["i32,i32>i32", 0x49], "i32.gt_s": ["i32,i32>i32", 0x4a], "i32.gt_u": ["i32,i32>i32", 0x4b],
  "i32.le_s": ["i32,i32>i32", 0x4c], "i32.le_u": ["i32,i32>i32", 0x4d], "i32.ge_s": ["i32,i32>i32", 0x4e], "i32.ge_u": ["i32,i32>i32", 0x4f],
  "i64.eqz": ["i64>i32", 0x50], "i64.eq": ["i64,i64>i32", 0x51], "i64.ne": ["i64,i64>i32", 0x52],
  "i64.lt_s": ["i64,i64>i32", 0x53], "i64.lt_u": ["i64,i64>i32", 0x54], "i64.gt_s": ["i64,i64>i32", 0x55], "i64.gt_u": ["i64,i64>i32", 0x56],
  "f32.eq": ["f32,f32>i32", 0x5b], "f32.ne": ["f32,f32>i32", 0x5c], "f32.lt": ["f32,f32>i32", 0x5d], "f32.gt": ["f32,f32>i32", 0x5e],
  "f32.le": ["f32,f32>i32", 0x5f], "f32.ge": ["f32,f32>i32", 0x60],
  "f64.eq": ["f64,f64>i32", 0x61], "f64.ne": ["f64,f64>i32", 0x62], "f64.lt": ["f64,f64>i32", 0x63], "f64.gt": ["f64,f64>i32", 0x64],
  "f64.le": ["f64,f64>i32", 0x65], "f64.ge": ["f64,f64>i32", 0x66],
  "i32.clz": ["i32>i32", 0x67], "i32.ctz": ["i32>i32", 0x68], "i32.popcnt": ["i32>i32", 0x69],
  "i32.add": ["i32,i32>i32", 0x6a], "i32.sub": ["i32,i32>i32", 0x6b], "i32.mul": ["i32,i32>i32", 0x6c],
  "i32.div_s": ["i32,i32>i32", 0x6d], "i32.div_u": ["i32,i32>i32", 0x6e], "i32.rem_s": ["i32,i32>i32", 0x6f], "i32.rem_u": ["i32,i32>i32", 0x70],
  "i32.and": ["i32,i32>i32", 0x71], "i32.or": ["i32,i32>i32", 0x72], "i32.xor": ["i32,i32>i32", 0x73],
  "i32.shl": ["i32,i32>i32", 0x74], "i32.shr_s": ["i32,i32>i32", 0x75], "i32.shr_u": ["i32,i32>i32", 0x76], "i32.rotl": ["i32,i32>i32", 0x77], "i32.rotr": ["i32,i32>i32", 0x78],
  "i64.add": ["i64,i64>i64", 0x7c], "i64.sub": ["i64,i64>i64", 0x7d], "i64.mul": ["i64,i64>i64", 0x7e],
  "i64.div_s": ["i64,i64>i64", 0x7f], "i64.div_u": ["i64,i64>i64", 0x80], "i64.rem_u": ["i64,i64>i64", 0x82],
  "i64.and": ["i64,i64>i64", 0x83], "i64.or": ["i64,i64>i64", 0x84], "i64.xor": ["i64,i64>i64", 0x85],
  "i64.shl": ["i64,i64>i64", 0x86], "i64.shr_s": ["i64,i64>i64", 0x87], "i64.shr_u": ["i64,i64>i64", 0x88],
  "f32.abs": ["f32>f32", 0x8b], "f32.neg": ["f32>f32", 0x8c], "f32.ceil": ["f32>f32", 0x8d], "f32.floor": ["f32>f32", 0x8e],
  "f32.trunc": ["f32>f32", 0x8f], "f32.nearest": ["f32>f32", 0x90], "f32.sqrt": ["f32>f32", 0x91],
  "f32.add": ["f32,f32>f32", 0x92], "f32.sub": ["f32,f32>f32", 0x93], "f32.mul": ["f32,f32>f32", 0x94], "f32.div": ["f32,f32>f32", 0x95],
  "f32.min": ["f32,f32>f32", 0x96], "f32.max": ["f32,f32>f32", 0x97], "f32.copysign": ["f32,f32>f32", 0x98],
  "f64.abs": ["f64>f64", 0x99], "f64.neg": ["f64>f64", 0x9a], "f64.floor": ["f64>f64", 0x9c], "f64.nearest": ["f64>f64", 0x9e], "f64.sqrt": ["f64>f64", 0x9f],
  "f64.add": ["f64,f64>f64", 0xa0], "f64.sub": ["f64,f64>f64", 0xa1], "f64.mul": ["f64,f64>f64", 0xa2], "f64.div": ["f64,f64>f64", 0xa3],
  "f64.min": ["f64,f64>f64", 0xa4], "f64.max": ["f64,f64>f64", 0xa5],
  "i32.wrap_i64": ["i64>i32", 0xa7], "i64.extend_i32_s": ["i32>i64", 0xac], "i64.extend_i32_u": ["i32>i64", 0xad],
  "f32.convert_i32_s": ["i32>f32", 0xb2], "f32.convert_i32_u": ["i32>f32", 0xb3], "f32.demote_f64": ["f64>f32", 0xb6],
  "f64.convert_i32_s": ["i32>f64", 0xb7], "f64.convert_i32_u": ["i32>f64", 0xb8], "f64.promote_f32": ["f32>f64", 0xbb],
  "i32.reinterpret_f32": ["f32>i32", 0xbc], "i64.reinterpret_f64": ["f64>i64", 0xbd], "f32.reinterpret_i32": ["i32>f32", 0xbe], "f64.reinterpret_i64": ["i64>f64", 0xbf],
  "i32.extend8_s": ["i32>i32", 0xc0], "i32.extend16_s": ["i32>i32", 0xc1],
  "i32.trunc_sat_f32_s": ["f32>i32", 0xfc0000], "i32.trunc_sat_f32_u": ["f32>i32", 0xfc0001], "i32.trunc_sat_f64_s": ["f64>i32", 0xfc0002], "i32.trunc_sat_f64_u": ["f64>i32", 0xfc0003],

  "i8x16.swizzle": ["v128,v128>v128", 0xfd000e],
  "i8x16.splat": ["i32>v128", 0xfd000f], "i32x4.splat": ["i32>v128", 0xfd0011], "i64x2.splat": ["i64>v128", 0xfd0012], "f32x4.splat": ["f32>v128", 0xfd0013], "f64x2.splat": ["f64>v128", 0xfd0014],
  "i32x4.eq": ["v128,v128>v128", 0xfd0037], "i32x4.ne": ["v128,v128>v128", 0xfd0038],
  "i32x4.lt_s": ["v128,v128>v128", 0xfd0039], "i32x4.lt_u": ["v128,v128>v128", 0xfd003a], "i32x4.gt_s": ["v128,v128>v128", 0xfd003b], "i32x4.gt_u": ["v128,v128>v128", 0xfd003c],
  "i32x4.le_s": ["v128,v128>v128", 0xfd003d], "i32x4.le_u": ["v128,v128>v128", 0xfd003e], "i32x4.ge_s": ["v128,v128>v128", 0xfd003f], "i32x4.ge_u": ["v128,v128>v128", 0xfd0040],
  "f32x4.eq": ["v128,v128>v128", 0xfd0041], "f32x4.ne": ["v128,v128>v128", 0xfd0042], "f32x4.lt": ["v128,v128>v128", 0xfd0043], "f32x4.gt": ["v128,v128>v128", 0xfd0044],
  "f32x4.le": ["v128,v128>v128", 0xfd0045], "f32x4.ge": ["v128,v128>v128", 0xfd0046],
  "f64x2.eq": ["v128,v128>v128", 0xfd0047], "f64x2.lt": ["v128,v128>v128", 0xfd0049], "f64x2.gt": ["v128,v128>v128", 0xfd004a],
  "v128.not": ["v128>v128", 0xfd004d], "v128.and": ["v128,v128>v128", 0xfd004e], "v128.andnot": ["v128,v128>v128", 0xfd004f],
  "v128.or": ["v128,v128>v128", 0xfd0050], "v128.xor": ["v128,v128>v128", 0xfd0051],
  "v128.bitselect": ["v128,v128,v128>v128", 0xfd0052], "v128.any_true": ["v128>i32", 0xfd0053],
  "f32x4.demote_f64x2_zero": ["v128>v128", 0xfd005e], "f64x2.promote_low_f32x4": ["v128>v128", 0xfd005f],
  "f32x4.ceil": ["v128>v128", 0xfd0067], "f32x4.floor": ["v128>v128", 0xfd0068], "f32x4.trunc": ["v128>v128", 0xfd0069], "f32x4.nearest": ["v128>v128", 0xfd006a],
  "i32x4.abs": ["v128>v128", 0xfd00a0], "i32x4.neg": ["v128>v128", 0xfd00a1], "i32x4.all_true": ["v128>i32", 0xfd00a3], "i32x4.bitmask": ["v128>i32", 0xfd00a4],
  "i32x4.shl": ["v128,i32>v128", 0xfd00ab], "i32x4.shr_s": ["v128,i32>v128", 0xfd00ac], "i32x4.shr_u": ["v128,i32>v128", 0xfd00ad],
  "i32x4.add": ["v128,v128>v128", 0xfd00ae], "i32x4.sub": ["v128,v128>v128", 0xfd00b1], "i32x4.mul": ["v128,v128>v128", 0xfd00b5],
  "i32x4.min_s": ["v128,v128>v128", 0xfd00b6], "i32x4.min_u": ["v128,v128>v128", 0xfd00b7], "i32x4.max_s": ["v128,v128>v128", 0xfd00b8], "i32x4.max_u": ["v128,v128>v128", 0xfd00b9],
  "i64x2.shl": ["v128,i32>v128", 0xfd00cb], "i64x2.shr_u": ["v128,i32>v128", 0xfd00cd], "i64x2.add": ["v128,v128>v128", 0xfd00ce], "i64x2.sub": ["v128,v128>v128", 0xfd00d1],
  "i64x2.extmul_low_i32x4_s": ["v128,v128>v128", 0xfd00dc], "i64x2.extmul_high_i32x4_s": ["v128,v128>v128", 0xfd00dd],
  "i64x2.extmul_low_i32x4_u": ["v128,v128>v128", 0xfd00de], "i64x2.extmul_high_i32x4_u": ["v128,v128>v128", 0xfd00df],
  "f32x4.abs": ["v128>v128", 0xfd00e0], "f32x4.neg": ["v128>v128", 0xfd00e1], "f32x4.sqrt": ["v128>v128", 0xfd00e3],
  "f32x4.add": ["v128,v128>v128", 0xfd00e4], "f32x4.sub": ["v128,v128>v128", 0xfd00e5], "f32x4.mul": ["v128,v128>v128", 0xfd00e6], "f32x4.div": ["v128,v128>v128", 0xfd00e7],
  "f32x4.min": ["v128,v128>v128", 0xfd00e8], "f32x4.max": ["v128,v128>v128", 0xfd00e9], "f32x4.pmin": ["v128,v128>v128", 0xfd00ea], "f32x4.pmax": ["v128,v128>v128", 0xfd00eb],
  "f64x2.abs": ["v128>v128", 0xfd00ec], "f64x2.neg": ["v128>v128", 0xfd00ed], "f64x2.sqrt": ["v128>v128", 0xfd00ef],
  "f64x2.add": ["v128,v128>v128", 0xfd00f0], "f64x2.sub": ["v128,v128>v128", 0xfd00f1], "f64x2.mul": ["v128,v128>v128", 0xfd00f2], "f64x2.div": ["v128,v128>v128", 0xfd00f3],
  "f64x2.pmin": ["v128,v128>v128", 0xfd00f6], "f64x2.pmax": ["v128,v128>v128", 0xfd00f7],
  "i32x4.trunc_sat_f32x4_s": ["v128>v128", 0xfd00f8], "i32x4.trunc_sat_f32x4_u": ["v128>v128", 0xfd00f9],
  "f32x4.convert_i32x4_s": ["v128>v128", 0xfd00fa], "f32x4.convert_i32x4_u": ["v128>v128", 0xfd00fb], "f64x2.convert_low_i32x4_s": ["v128>v128", 0xfd00fe],
  "f32x4.relaxed_madd": ["v128,v128,v128>v128", 0xfd0105], "f32x4.relaxed_nmadd": ["v128,v128,v128>v128", 0xfd0106],
  "i32x4.relaxed_laneselect": ["v128,v128,v128>v128", 0xfd010b],
} as const;

/** Loads: `[result, log2 of the alignment that is promised, opcode]`. float32 tensors are 4-aligned for sure, no more. */
// deno-fmt-ignore
export const loadInstructions = {
  "i32.load": ["i32", 2, 0x28], "i64.load": ["i64", 2, 0x29], "f32.load": ["f32", 2, 0x2a], "f64.load": ["f64", 2, 0x2b],
  "i32.load8_s": ["i32", 0, 0x2c], "i32.load8_u": ["i32", 0, 0x2d], "i32.load16_s": ["i32", 1, 0x2e], "i32.load16_u": ["i32", 1, 0x2f],
  "v128.load": ["v128", 2, 0xfd0000], "v128.load32_splat": ["v128", 2, 0xfd0009], "v128.load64_splat": ["v128", 2, 0xfd000a],
  "v128.load32_zero": ["v128", 2, 0xfd005c], "v128.load64_zero": ["v128", 2, 0xfd005d],
  "i32.atomic.load": ["i32", 2, 0xfe0010],
} as const;

/** Stores: `[type of the value, log2 of the promised alignment, opcode]`. */
// deno-fmt-ignore
export const storeInstructions = {
  "i32.store": ["i32", 2, 0x36], "i64.store": ["i64", 2, 0x37], "f32.store": ["f32", 2, 0x38], "f64.store": ["f64", 2, 0x39],
  "i32.store8": ["i32", 0, 0x3a], "i32.store16": ["i32", 1, 0x3b], "v128.store": ["v128", 2, 0xfd000b],
  "i32.atomic.store": ["i32", 2, 0xfe0017],
} as const;

/** Atomic read-modify-write on 32 bits: `[opcode]`; each returns what was there before. */
// deno-fmt-ignore
export const readModifyWriteInstructions = {
  "i32.atomic.rmw.add": 0xfe001e, "i32.atomic.rmw.sub": 0xfe0025, "i32.atomic.rmw.and": 0xfe002c,
  "i32.atomic.rmw.or": 0xfe0033, "i32.atomic.rmw.xor": 0xfe003a, "i32.atomic.rmw.xchg": 0xfe0041,
} as const;

/** Loads of single lanes into a vector, by bits. */
export const laneLoads = { 32: 0xfd0056, 64: 0xfd0057 } as const;

/** Stores of single lanes of a vector, by bits. */
export const laneStores = { 32: 0xfd005a, 64: 0xfd005b } as const;
