import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.pqc.crypto.falcon.FalconParameters;
import org.bouncycastle.pqc.crypto.falcon.FalconPublicKeyParameters;
import org.bouncycastle.pqc.crypto.falcon.FalconSigner;
import org.bouncycastle.pqc.crypto.sphincsplus.SPHINCSPlusParameters;
import org.bouncycastle.pqc.crypto.sphincsplus.SPHINCSPlusPublicKeyParameters;
import org.bouncycastle.pqc.crypto.sphincsplus.SPHINCSPlusSigner;

/**
 * Bouncy Castle as oracle: its SPHINCS+ is round 3.1, its Falcon a port of the submission's C, neither is PQClean.
 * First the library's version; then lines "parameters key message signature" (base64) on stdin, "true" or "false" for each on
 * stdout.
 */
public class Verify {
    public static void main(String[] args) throws Exception {
        System.out.println(new BouncyCastleProvider().getVersionStr() + " (Java " + Runtime.version().feature() + ")");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] word = line.split(" ");
            String answer;
            try {
                answer = "" + verify(word[0], bytes(word[1]), bytes(word[2]), bytes(word[3]));
            } catch (RuntimeException malformed) { // an index error inside the decoder: refused as well
                answer = "false";
            }
            System.out.println(answer);
        }
    }

    static boolean verify(String parameters, byte[] key, byte[] message, byte[] signature) throws Exception {
        if (parameters.startsWith("falcon")) {
            FalconSigner falcon = new FalconSigner();
            FalconParameters p = (FalconParameters) FalconParameters.class.getField(parameters).get(null);
            // BC 1.72 wants the key without its header byte, and the submission's second header after the nonce.
            falcon.init(false, new FalconPublicKeyParameters(p, Arrays.copyOfRange(key, 1, key.length)));
            ByteBuffer framed = ByteBuffer.allocate(signature.length + 1);
            framed.put(signature, 0, 41).put((byte) (0x20 + p.getLogN())).put(signature, 41, signature.length - 41);
            return key[0] == p.getLogN() && falcon.verifySignature(message, framed.array());
        }
        SPHINCSPlusSigner sphincs = new SPHINCSPlusSigner();
        SPHINCSPlusParameters p = (SPHINCSPlusParameters) SPHINCSPlusParameters.class.getField(parameters).get(null);
        sphincs.init(false, new SPHINCSPlusPublicKeyParameters(p, key));
        return sphincs.verifySignature(message, signature);
    }

    static byte[] bytes(String base64) {
        return Base64.getDecoder().decode(base64);
    }
}
