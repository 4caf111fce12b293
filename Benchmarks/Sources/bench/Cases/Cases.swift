import Attention
import CKernels
import Seq2Seq

/// Every case, in the order in which they run.
var allCases: [Case] {
  [matmul(512), matmul(1024), matmul(2048), linear(rows: 1), linear(rows: 8), linear(rows: 64)]
    + [batchedMatmul(64, 30, 30, 512), batchedMatmul(512, 32, 32, 64)]
    + [exponential, hyperbolicTangent, softmax(rows: 4096, columns: 1024)]
    + [false, true].map { layerNorm(rows: 4096, columns: 512, backward: $0) }
    + attentionCases
    + [recurrent(.lstm, backward: false), recurrent(.lstm, backward: true)]
    + [recurrent(.gru, backward: false), recurrent(.gru, backward: true)]
    + [projectedCrossEntropy, adam]
    + modelCases(.luong) + modelCases(.bahdanau)
}

private func modelCases(_ decoder: DecoderKind) -> [Case] {
  let (small, large) = (ModelSize.small(decoder), ModelSize.large(decoder))
  return [trainingStep(small), trainingStep(large), trainingStep(large, .bfloat16), decoding(small)]
    + Precision.allCases.map { decoding(large, $0) }
}

/// Throws what the kernels have against a call.
func kernel(_ status: ck_status) throws {
  guard status == CK_OK else { throw BenchError("CKernels: \(String(cString: ck_status_message(status)))") }
}
