import CKernels

/// The arrays of one attention call and of its gradients.
final class AttentionData {
  let setting: AttentionSetting
  let backward: Bool

  let queries, keys, values, v, contextGradient: Floats
  let context, dqueries, dkeys, dvalues, dv: Floats
  /// What the forward makes for the backward, or on request; empty where it is not asked for.
  let alignment, statistics: Floats
  private let lengths: UnsafeMutableBufferPointer<Int32>
  /// One a query of every head; empty but for local-p.
  private let centres: Floats

  init(_ setting: AttentionSetting, backward: Bool) {
    self.setting = setting
    self.backward = backward
    let rows = setting.batch * setting.heads * setting.queries
    let (queryCount, keyCount) = (
      rows * setting.width, setting.batch * setting.heads * setting.keys * setting.width
    )
    queries = Floats(random: queryCount, seed: 1)
    keys = Floats(random: keyCount, seed: 2)
    values = Floats(random: keyCount, seed: 3)
    v = Floats(random: setting.width, seed: 4, scale: 0.25)
    contextGradient = Floats(random: backward ? queryCount : 0, seed: 5)
    context = Floats(zeros: queryCount)
    dqueries = Floats(zeros: backward ? queryCount : 0)
    dkeys = Floats(zeros: backward ? keyCount : 0)
    dvalues = Floats(zeros: backward ? keyCount : 0)
    dv = Floats(zeros: setting.width)
    let makesWeights = setting.alignment || backward && setting.keepsWeights
    alignment = Floats(zeros: makesWeights ? rows * setting.keys : 0)
    statistics = Floats(zeros: backward ? 2 * rows : 0)
    centres = Floats(zeros: setting.centre == nil ? 0 : rows)
    for i in 0..<centres.count { centres.pointer[i] = Float(setting.centre!) }
    lengths = .allocate(capacity: setting.batch)
    _ = lengths.initialize(from: setting.lengths?.map(Int32.init) ?? [])
  }

  deinit { lengths.deallocate() }

  /// What is held besides inputs, context and gradients.
  var keptBytes: Int { 4 * (alignment.count + statistics.count) }

  private var isAdditive: Bool { if case .additive = setting.score { true } else { false } }

  private func strides(_ time: Int) -> ck_strides {
    let (time, width) = (Int64(time), Int64(setting.width))
    return ck_strides(batch: Int64(setting.heads) * time * width, head: time * width, row: width)
  }

  private var call: ck_attention {
    var call = ck_attention()
    call.B = Int64(setting.batch)
    (call.heads, call.key_heads) = (Int64(setting.heads), Int64(setting.heads))
    (call.Tq, call.Tk) = (Int64(setting.queries), Int64(setting.keys))
    (call.H, call.D) = (Int64(setting.width), Int64(setting.width))
    (call.query, call.context) = (strides(setting.queries), strides(setting.queries))
    (call.key, call.value) = (strides(setting.keys), strides(setting.keys))
    call.lengths = setting.lengths == nil ? nil : UnsafePointer(lengths.baseAddress)
    call.left = Int64(setting.left ?? -1)
    call.right = Int64(setting.right ?? -1)
    call.offset = Int64(setting.offset)
    if centres.count > 0 {
      call.centres = UnsafePointer(centres.pointer)
      call.deviation = Float(setting.left!) / 2
    }
    call.scale = 1
    switch setting.score {
    case .dot(let scale): call.scale = Float(scale)
    case .additive: call.v = UnsafePointer(v.pointer)
    }
    return call
  }

  func run(gradient: Floats) throws {
    var call = call
    let weights = alignment.count > 0 ? alignment.pointer : nil
    let sums = backward ? statistics.pointer : nil
    try kernel(
      ck_attention_forward_f32(
        context.pointer, weights, sums, queries.pointer, keys.pointer, values.pointer, &call))
    guard backward else { return }
    var gradients = ck_attention_gradients()
    gradients.queries = dqueries.pointer
    gradients.keys = dkeys.pointer
    gradients.values = dvalues.pointer
    gradients.v = isAdditive ? dv.pointer : nil
    try kernel(
      ck_attention_backward_f32(
        &gradients, gradient.pointer, context.pointer, sums, weights, queries.pointer, keys.pointer,
        values.pointer,
        0, &call))
  }
}
