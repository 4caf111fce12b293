import Attention
import Seq2Seq
import Testing

@Suite("Variational dropout, dropped recurrent weights and dropped attention")
struct DropoutVariantsTests {
  private static let rate: Float = 0.3

  private func weights(_ model: EncoderDecoder) -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.tensor) })
  }

  /// A decoder whose steps know nothing of each other: its readout is a function of the token that it is fed.
  private func forgetful(variational: Bool) throws -> EncoderDecoder {
    let configuration = ModelConfiguration.plain(
      cell: .rnn, bidirectional: false, embedding: 7, hidden: 20, dropout: Self.rate
    ).with { $0.variational = variational }
    let model = try EncoderDecoder(configuration.sized(source: 9, target: 8), seed: 5)
    var weights = weights(model)
    weights["decoder.0.recurrent"] = Tensor(zeros: [20, 20])
    return try EncoderDecoder(model.configuration, weights: weights)
  }

  /// Without a state, a token that is fed once more adds what it added before, if the same falls at every step.
  @Test("a sentence has one mask for all of its steps", arguments: [false, true])
  func masks(variational: Bool) throws {
    let model = try forgetful(variational: variational)
    for seed in 1...5 as ClosedRange<UInt64> {
      func loss(_ count: Int) throws -> Float {
        let target = [Int32](repeating: 5, count: count)
        let batch = Batch([(source: [3], target: target)])
        return try model.lossAndGradient(batch, dropoutSeed: seed).loss * Float(count + 1)
      }
      let (two, three, four) = try (loss(2), loss(3), loss(4))
      let difference = abs((four - three) - (three - two))
      // Sums of five losses near 2, each exact to some 2e-7.
      if variational { #expect(difference < 1e-5) } else { #expect(difference > 1e-4) }
    }
  }

  @Test("other sentences of the batch have other masks")
  func sentences() throws {
    let model = try forgetful(variational: true)
    let pair: (source: [Int32], target: [Int32]) = (source: [3], target: [5, 5])
    let alone = try model.lossAndGradient(Batch([pair]), dropoutSeed: 1).loss
    #expect(try model.lossAndGradient(Batch([pair, pair]), dropoutSeed: 1).loss != alone)
  }

  /// 1000 draws of one token: its embedding falls whole, in all of its places, as often as the rate says within five standard
  /// deviations.
  @Test("whole tokens fall at the embeddings")
  func tokens() throws {
    let model = try forgetful(variational: true)
    let batch = Batch([(source: [3], target: [5, 6, 5])])
    var fallen = 0
    for seed in 0..<1000 as Range<UInt64> {
      let gradient = weights(try model.lossAndGradient(batch, dropoutSeed: seed).gradient)
      let row = gradient["target.embedding"]!.elements[5 * 7..<6 * 7]
      let zeros = row.count(where: { $0 == 0 })
      #expect(zeros == 0 || zeros == row.count)
      if zeros > 0 { fallen += 1 }
    }
    let sigma = (1000 * Self.rate * (1 - Self.rate)).squareRoot()
    #expect(abs(Float(fallen) - 1000 * Self.rate) < 5 * sigma)
  }

  /// What falls has no gradient. A model that lacks it, and has the rest scaled, is the same without dropout.
  @Test("recurrent weights fall for a whole batch", arguments: SmallModel.all)
  func recurrentWeights(small: SmallModel) throws {
    let model = try small.model { $0.recurrentDropout = Self.rate }
    let found = try model.lossAndGradient(SmallModel.batch, dropoutSeed: 9)
    let gradients = weights(found.gradient)
    var (left, masks): ([String: Tensor], [String: [Float]]) = (weights(model), [:])
    var (fallen, all) = (0, 0)
    for (name, tensor) in left where name.hasSuffix(".recurrent") {
      let mask = gradients[name]!.elements.map { $0 == 0 ? 0 : 1 / (1 - Self.rate) }
      left[name] = try Tensor(zip(tensor.elements, mask).map(*), shape: tensor.shape)
      masks[name] = mask
      fallen += mask.count(where: { $0 == 0 })
      all += mask.count
    }
    let share = Double(Self.rate)
    #expect(abs(Double(fallen) - share * Double(all)) < 5 * (share * (1 - share) * Double(all)).squareRoot())
    let expected = try EncoderDecoder(model.configuration, weights: left).lossAndGradient(SmallModel.batch)
    #expect(found.loss == expected.loss)
    for (name, tensor) in expected.gradient.parameters {
      let elements = masks[name].map { zip(tensor.elements, $0).map(*) } ?? tensor.elements
      #expect(gradients[name]!.elements == elements, "\(name)")
    }
    for seed in [nil, 10] as [UInt64?] {
      let other = try model.lossAndGradient(SmallModel.batch, dropoutSeed: seed).gradient
      #expect(other.parameters.map(\.tensor) != found.gradient.parameters.map(\.tensor))
    }
  }
  /// Sources of one token: a step's only weight, 1, becomes 0 or 1 / (1 − rate), so that a sentence's loss is one of as many as there
  /// are choices, and every choice falls.
  @Test("attention dropout falls on each step's weights by itself, and on nothing that is looked at")
  func attentionDropout() throws {
    let small = try #require(SmallModel.all.first { $0.configuration.score == .dot })
    let model = try small.model { $0.attentionDropout = 0.5 }
    let batch = Batch([(source: [5], target: [3, 4])])
    let losses = try (0..<200).map { try model.lossAndGradient(batch, dropoutSeed: UInt64($0)).loss }
    #expect(Set(losses).count == 8)
    #expect(try model.scores(batch)[0].alignment == [[1], [1], [1]])
    let plain = try small.model().lossAndGradient(batch)
    #expect(try model.lossAndGradient(batch).loss == plain.loss)
  }
}
