from tests.crash.conftest import nurseries as nurseries
from tests.mirror.conftest import make as make
