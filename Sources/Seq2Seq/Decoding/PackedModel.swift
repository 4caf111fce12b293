import Attention
import Synchronization

/// A model with all its weights packed for decoding, made once for many sources.
struct PackedModel: Sendable {
  let configuration: ModelConfiguration
  let decoder: any PackedDecoder
  private let encoder: PackedEncoder
  private let output: PackedMatrix
  private let outputBias: Tensor

  init(_ model: EncoderDecoder, _ precision: Precision) {
    configuration = model.configuration
    encoder = PackedEncoder(model.encoder, precision)
    decoder = model.decoder.packed(precision)
    output = PackedMatrix(Matrix(model.outputWeight).transposed, precision: precision)
    outputBias = model.output.bias
  }

  /// Source sentences as the decoder reads them.
  struct Sources {
    let memory: AttentionMemory?
    let start: DecoderState
  }

  func encode(_ sources: [[Int32]]) -> Sources {
    let pass = encoder.forward(sources, dropout: nil)
    return Sources(
      memory: decoder.attention?.memory(pass.output, pass.plan).padded, start: decoder.start(pass.finals))
  }

  /// One step of the decoder: reads the tokens [rows], the same number for each source. `spent` is a tape of an earlier step,
  /// whose memory this one's takes.
  func advance(
    _ state: DecoderState, tokens: [Int32], memory: AttentionMemory?, sources: Int, spent: DecoderTape?
  ) -> DecoderTape {
    let tape =
      spent.map { DecoderTape(decoder.decoder, tokens, reusing: $0) }
      ?? DecoderTape(decoder.decoder, tokens, memory: memory, dropout: nil)
    decoder.embed(tape)
    decoder.step(
      tape, 0..<tokens.count, previous: state, memory: memory, sources: sources, dropout: nil)
    decoder.finish(tape)
    return tape
  }

  /// The `count` likeliest next tokens of every row.
  func likeliest(_ count: Int, _ readout: Matrix) -> LikeliestTokens {
    LikeliestTokens(count, of: readout, output, bias: outputBias)
  }

  /// The log-probabilities of all tokens after every row, [rows, V].
  func logProbabilities(_ readout: Matrix) -> Matrix {
    projectedLogProbabilities(readout, output, bias: outputBias)
  }
}

/// A model's packed weights, made when they are first asked for; shared by copies of the model that have the same weights
/// and precision.
final class PackCache: Sendable {
  private let packed = Mutex<PackedModel?>(nil)

  func model(of network: EncoderDecoder, _ precision: Precision) -> PackedModel {
    packed.withLock {
      let model = $0 ?? PackedModel(network, precision)
      $0 = model
      return model
    }
  }
}
