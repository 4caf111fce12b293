import Attention
import Seq2Seq
import Testing

@Suite("What weights start from")
struct InitialWeightsTests {
  @Test("parameters start in the range that is asked for, and fill it", arguments: [0.01, 2] as [Float])
  func initialRange(range: Float) throws {
    for c in [ModelConfiguration.luong(), .bahdanau(), .plain(cell: .gru)] {
      let sized = try c.with { $0.initialRange = range }.sized(source: 50, target: 50)
      let model = try EncoderDecoder(sized, seed: 1)
      for (name, tensor) in model.parameters {
        // The largest of at least 50 draws lies below half of the range once in 2⁵⁰ times.
        let largest = tensor.elements.reduce(0) { max($0, abs($1)) }
        #expect(largest <= range && largest > range / 2, "\(name)")
        #expect(abs(tensor.elements.reduce(0, +)) < 5 * range * Float(tensor.count).squareRoot(), "\(name)")
      }
      #expect(try EncoderDecoder(sized, seed: 1).parameters.map(\.tensor) == model.parameters.map(\.tensor))
    }
  }

  @Test("recurrent matrices start orthogonal, other weights narrow and normal")
  func orthogonalStart() throws {
    let shape = ModelConfiguration.bahdanau(cell: .gruResetBefore, embedding: 30, hidden: 24)
    let sized = try shape.with { $0.orthogonal = true }.sized(source: 50, target: 50)
    let parameters = try EncoderDecoder(sized, seed: 1).parameters
    for (name, tensor) in parameters {
      let kind = name.split(separator: ".").last!
      if kind == "recurrent" {
        for gate in 0..<3 {
          let block = (0..<24).map { row in (0..<24).map { tensor[gate * 24 + row, $0] } }
          for (i, x) in block.enumerated() {
            for (j, y) in block.enumerated() {
              let product = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
              #expect(abs(product - (i == j ? 1 : 0)) < 1e-4, "\(name), rows \(i) and \(j)")
            }
          }
        }
      } else if kind == "bias" || kind == "v" {
        #expect(tensor.elements.allSatisfy { $0 == 0 }, "\(name)")
      } else {
        let narrow: Float = ["query", "key"].contains(kind) ? 0.001 : 0.01
        let count = Float(tensor.count)
        let mean = tensor.elements.reduce(0, +) / count
        let deviation = (tensor.elements.reduce(0) { $0 + $1 * $1 } / count).squareRoot()
        // Standard errors: of the mean deviation/√n, of the deviation deviation/√2n; five of them.
        #expect(abs(mean) < 5 * narrow / count.squareRoot(), "\(name)")
        #expect(abs(deviation - narrow) < 5 * narrow / (2 * count).squareRoot(), "\(name)")
      }
    }
    #expect(try EncoderDecoder(sized, seed: 1).parameters.map(\.tensor) == parameters.map(\.tensor))
  }

  @Test("an orthogonal start keeps what the normed score needs, and forget gates open")
  func orthogonalStartOfOtherModels() throws {
    let shape = ModelConfiguration.luong(score: .normedConcat, cell: .lstm, embedding: 10, hidden: 16)
    let sized = try shape.with { ($0.orthogonal, $0.window) = (true, .predictive(radius: 3)) }
      .sized(source: 9, target: 9)
    let parameters = Dictionary(
      uniqueKeysWithValues: try EncoderDecoder(sized, seed: 1).parameters.map {
        ($0.name, $0.tensor.elements)
      })
    let gain = try #require(parameters.first { $0.key.hasSuffix("gain") }?.value)
    #expect(gain == [0.25])
    let v = try #require(parameters["attention.v"])
    #expect(v.contains { abs($0) > 0.01 })
    let bias = try #require(parameters["decoder.0.bias"])
    #expect(bias == (0..<64).map { 16..<32 ~= $0 ? 1 : 0 })
  }
}
